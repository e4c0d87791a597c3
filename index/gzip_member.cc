#include "index/gzip_member.h"
