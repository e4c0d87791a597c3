#include "index/tar_scanner.h"
