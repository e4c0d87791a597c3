#include "archiver/ssh_host.h"
