#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/command.h"

namespace orcio::test {

// What differs between `actual` and the golden file of that name, for people; nothing if nothing
// does. With ORCIO_WRITE_GOLDEN set it writes the file instead.
[[nodiscard]] std::string DiffGolden(const std::string& name, const std::string& actual);

// What was typed and what came of it, as a golden file holds it: each command after "$ ", what it
// wrote to standard output, what it wrote to standard error after "! ", and what it exited with.
// Text that differs from run to run has other text in its place.
class Transcript {
 public:
  using Runner = std::function<Ended(const std::vector<std::string>& words)>;

  // `run` runs orcio.
  explicit Transcript(Runner run) : run_(std::move(run)) {}

  // From then on, in the order in which they are said, commands included: this text, or what an
  // ECMAScript regular expression fits, is shown as `shown`.
  void Show(const std::string& text, const std::string& shown);
  void ShowFitting(const std::string& pattern, const std::string& shown);
  // Each digit of what fits is shown as #: columns of a table stay where they are.
  void HideDigits(const std::string& pattern);

  void Type(const std::vector<std::string>& words);
  // Of a command that was not run here; `command` as typed.
  void Add(const std::string& command, const Ended& ended);
  // What the test does meanwhile, for readers.
  void Note(const std::string& text);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  [[nodiscard]] std::string Shown(std::string text) const;

  Runner run_;
  std::vector<std::function<std::string(std::string)>> changes_;
  std::string text_;
};

}  // namespace orcio::test
