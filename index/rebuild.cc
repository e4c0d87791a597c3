#include "index/rebuild.h"
