#include "index/file_system.h"
