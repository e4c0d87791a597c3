#include "index/archive_reader.h"
