#include "archiver/remote_tar.h"
