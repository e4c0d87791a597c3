#include "index/sidecar_builder.h"
