#include "index/span_cache.h"
