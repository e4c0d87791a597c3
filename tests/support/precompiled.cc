// Nothing but what the headers that all tests precompile are made with.
#include "tests/support/catch.h"
