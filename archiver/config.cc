#include "archiver/config.h"
