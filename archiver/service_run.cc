#include "archiver/service_run.h"
