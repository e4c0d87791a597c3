#include "index/repository.h"
