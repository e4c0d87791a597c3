#include "index/sha256.h"
