#include "index/archive_writer.h"
