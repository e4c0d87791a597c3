#include "archiver/repository_lock.h"
