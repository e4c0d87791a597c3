#include "archiver/shell_quote.h"
