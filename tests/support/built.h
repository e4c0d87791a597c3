#pragma once

namespace orcio::test {

// Where this build has what it tests. Functions, not macros: the objects of tests know no path, and
// clones can share them.
const char* BuiltProgram();     // orcio
const char* SourceDirectory();  // the top of the sources
const char* BinaryDirectory();  // the top of the build

}  // namespace orcio::test
