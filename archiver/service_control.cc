#include "archiver/service_control.h"
