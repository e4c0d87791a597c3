#include "fusefs/namespace.h"
