#include "index/archive_name.h"
