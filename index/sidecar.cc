#include "index/sidecar.h"
