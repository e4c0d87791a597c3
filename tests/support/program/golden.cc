#include "tests/support/program/golden.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "archiver/host/shell_quote.h"
#include "tests/support/built.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

std::string Typed(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./~^-_";
  const bool plain = !word.empty() && word.find_first_not_of(kPlain) == std::string::npos;
  return plain ? word : ShellQuote(word);
}

std::string AfterMark(const std::string& mark, const std::string& text) {
  std::string marked;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) marked += mark + line + "\n";
  return marked;
}

}  // namespace

std::string DiffGolden(const std::string& name, const std::string& actual) {
  const std::filesystem::path path =
      std::filesystem::path(SourceDirectory()) / "tests/integration/golden" / name;
  if (std::getenv("ORCIO_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return {};
  }
  const ScratchDirectory scratch;
  std::ofstream(scratch / "actual", std::ios::binary) << actual;
  return RunCommand({"diff", "-u", "--text", path.string(), (scratch / "actual").string()}).out +
         RunCommand({"test", "-e", path.string()}).err;
}

void Transcript::Show(const std::string& text, const std::string& shown) {
  changes_.emplace_back([text, shown](std::string all) {
    for (size_t at = 0; (at = all.find(text, at)) != std::string::npos; at += shown.size())
      all.replace(at, text.size(), shown);
    return all;
  });
}

void Transcript::ShowFitting(const std::string& pattern, const std::string& shown) {
  changes_.emplace_back([fitting = std::regex(pattern), shown](const std::string& all) {
    return std::regex_replace(all, fitting, shown);
  });
}

void Transcript::HideDigits(const std::string& pattern) {
  changes_.emplace_back([fitting = std::regex(pattern)](std::string all) {
    const std::string before = all;
    const std::sregex_iterator end;
    for (std::sregex_iterator found(before.begin(), before.end(), fitting); found != end; ++found) {
      for (auto at = found->position(); at < found->position() + found->length(); ++at) {
        char& letter = all[static_cast<size_t>(at)];
        if (letter >= '0' && letter <= '9') letter = '#';
      }
    }
    return all;
  });
}

void Transcript::Type(const std::vector<std::string>& words) {
  std::string command = "orcio";
  for (const std::string& word : words) command += " " + Typed(word);
  Add(command, run_(words));
}

void Transcript::Add(const std::string& command, const Ended& ended) {
  std::string out = Shown(ended.out);
  if (!out.empty() && !out.ends_with('\n')) out += "\n(no newline at the end)\n";
  text_ += "$ " + Shown(command) + "\n" + out + AfterMark("! ", Shown(ended.err)) + "exit " +
           std::to_string(ended.status) + "\n\n";
}

void Transcript::Note(const std::string& text) {
  text_ += "# " + text + "\n";
}

std::string Transcript::Shown(std::string text) const {
  for (const auto& change : changes_) text = change(std::move(text));
  return text;
}

}  // namespace orcio::test
