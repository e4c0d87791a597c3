#pragma once

#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/shared/context.h"

namespace orcio::cli {

// What a shell may offer when somebody presses Tab. scripts/completions/ ask for it by
// `orcio __complete WORD...`, and know no command and no option by themselves.
struct Completion {
  // Besides `words`, which file names of this machine fit.
  enum class Files { kNone, kDirectories, kAll };
  struct Word {
    std::string text;  // whole, not only what is missing; no space follows one that ends in / : = @
    std::string description;  // may be empty
  };
  Files files = Files::kNone;
  std::vector<Word> words;
};

// For the last of `words` (what stands after the program's name, the last up to the cursor, maybe
// empty). -c and -r among them are put into `context`. What cannot be found out, such as the
// services of a configuration with a mistake, is not offered.
[[nodiscard]] Completion Complete(const CLI::App& app, Context& context,
                                  std::span<const std::string> words);

// The first line is "words", "directories" or "files"; each other one a word, a tab, and what it
// is.
[[nodiscard]] std::string FormatCompletion(const Completion& completion);

}  // namespace orcio::cli
