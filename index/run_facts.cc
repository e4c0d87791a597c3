#include "index/run_facts.h"
