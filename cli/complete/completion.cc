#include "cli/complete/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "cli/complete/completion_words.h"
#include "fusefs/mount/mount_options.h"

namespace orcio::cli {
namespace {

enum class ValueKind {
  kConfiguredService,
  kConfiguredHost,
  kConfiguredHostOrService,
  kArchivedService,
  kArchive,
  kArchiveOrFile,
  kArchiveOrPattern,
  kInArchive,
  kInService,
  kPathInArchive,
  kFile,
  kDirectory,
};

struct NamedValue {
  std::string_view name;
  ValueKind value;
};

// What stands after an option or in a positional's place, by their names in --help. Those that are
// not here take what nobody can guess.
constexpr std::array<NamedValue, 21> kValues{{
    {"SERVICE", ValueKind::kConfiguredService},
    {"--to", ValueKind::kConfiguredHost},
    {"--forget", ValueKind::kConfiguredService},
    {"HOST|SERVICE", ValueKind::kConfiguredHostOrService},
    {"SERVICE[@DATE]", ValueKind::kArchive},
    {"ARCHIVE", ValueKind::kArchiveOrFile},
    {"[SERVICE[@DATE]] PATTERN", ValueKind::kArchiveOrPattern},
    {"A", ValueKind::kInArchive},
    {"B", ValueKind::kInArchive},
    {"SERVICE[@DATE][:PATH]", ValueKind::kInArchive},
    {"SERVICE[@DATE]:PATH", ValueKind::kInArchive},
    {"SERVICE:PATH", ValueKind::kInService},
    {"PATH", ValueKind::kPathInArchive},
    {"--config", ValueKind::kFile},
    {"--prometheus", ValueKind::kFile},
    {"DEST", ValueKind::kDirectory},
    {"MOUNTPOINT", ValueKind::kDirectory},
    {"--repository", ValueKind::kDirectory},
    {"--index-dir", ValueKind::kDirectory},
    {"--target", ValueKind::kDirectory},
    {"--mount", ValueKind::kDirectory},
}};

struct NamedChoices {
  std::string_view name;
  std::span<const char* const> choices;
};

constexpr auto kOwnerChoices = std::to_array<const char*>({"number", "name"});
constexpr auto kTypeChoices = std::to_array<const char*>({"f", "d", "l", "c", "b", "p", "s"});
constexpr std::array<NamedChoices, 3> kChoices{{
    {"--owners", kOwnerChoices},
    {"--type", kTypeChoices},
    {"-o", kMountOptionWords},
}};

// The words before the cursor's, understood as far as they can be.
struct TypedLine {
  const CLI::App* command = nullptr;
  const CLI::Option* waiting = nullptr;  // whose value comes next
  std::vector<std::string> arguments;    // of the command
  bool options_ended = false;            // by "--"
};

bool TakesValue(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

const CLI::Option* FindOption(const CLI::App& app, const TypedLine& line, const std::string& name) {
  for (const CLI::App* one : {line.command, &app}) {
    if (one == nullptr) continue;
    for (const CLI::Option* option : one->get_options()) {
      if (option->check_name(name) && !option->get_positional()) return option;
    }
  }
  return nullptr;
}

void TakeValue(const CLI::Option& option, const std::string& value, Context& context) {
  if (option.get_name() == "--config") context.config_path = value;
  if (option.get_name() == "--repository") context.repository_path = value;
  if (option.get_name() == "--index-dir") context.index_directory = value;
}

// --NAME, --NAME=VALUE
void TakeLongOption(const CLI::App& app, const std::string& word, TypedLine& line,
                    Context& context) {
  const size_t equals = word.find('=');
  const CLI::Option* option = FindOption(app, line, word.substr(0, equals));
  if (option == nullptr || !TakesValue(*option)) return;
  if (equals == std::string::npos) {
    line.waiting = option;
  } else {
    TakeValue(*option, word.substr(equals + 1), context);
  }
}

// -x, several in one word, or one with its value
void TakeShortOptions(const CLI::App& app, const std::string& word, TypedLine& line,
                      Context& context) {
  for (size_t at = 1; at < word.size(); ++at) {
    const CLI::Option* option = FindOption(app, line, std::string("-") + word[at]);
    if (option == nullptr || !TakesValue(*option)) continue;
    if (at + 1 == word.size()) {
      line.waiting = option;
    } else {
      TakeValue(*option, word.substr(at + 1), context);
    }
    return;
  }
}

// The program itself for a mistyped one, of which nothing is known.
const CLI::App* FindCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == name) return command;
  }
  return &app;
}

TypedLine Understand(const CLI::App& app, std::span<const std::string> words, Context& context) {
  TypedLine line;
  for (const std::string& word : words) {
    if (line.waiting != nullptr) {
      TakeValue(*line.waiting, word, context);
      line.waiting = nullptr;
    } else if (!line.options_ended && word == "--") {
      line.options_ended = true;
    } else if (!line.options_ended && word.starts_with("--")) {
      TakeLongOption(app, word, line, context);
    } else if (!line.options_ended && word.starts_with("-") && word.size() > 1) {
      TakeShortOptions(app, word, line, context);
    } else if (line.command == nullptr) {
      line.command = FindCommand(app, word);
    } else {
      line.arguments.push_back(word);
    }
  }
  return line;
}

const CLI::Option* PositionalAt(const CLI::App& command, size_t index) {
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    const auto most = static_cast<size_t>(std::max(option->get_items_expected_max(), 1));
    if (index < most) return option;
    index -= most;
  }
  return nullptr;
}

void OfferOptions(const CLI::App& app, std::string_view typed, Completion& completion) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    const auto offer = [&](const std::string& name) {
      const auto is_name = [&](const Completion::Word& word) { return word.text == name; };
      if (!name.starts_with(typed) || std::ranges::any_of(completion.words, is_name)) return;
      completion.words.push_back({name, option->get_description()});
    };
    for (const std::string& name : option->get_lnames()) offer("--" + name);
    for (const std::string& name : option->get_snames()) offer("-" + name);
  }
}

void OfferCommands(const CLI::App& app, std::string_view typed, Completion& completion) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name().starts_with(typed))
      completion.words.push_back({command->get_name(), command->get_description()});
  }
}

void OfferChoices(std::string_view name, std::string_view typed, Completion& completion) {
  for (const NamedChoices& one : kChoices) {
    if (one.name != name) continue;
    for (const char* choice : one.choices) {
      if (std::string_view(choice).starts_with(typed)) completion.words.push_back({choice, ""});
    }
  }
}

void OfferValue(const Context& context, const TypedLine& line, ValueKind value,
                const std::string& typed, Completion& completion) {
  switch (value) {
    case ValueKind::kConfiguredService:
      return OfferConfiguredServices(context, typed, completion);
    case ValueKind::kConfiguredHost:
      return OfferConfiguredHosts(context, typed, completion);
    case ValueKind::kConfiguredHostOrService:
      OfferConfiguredHosts(context, typed, completion);
      return OfferConfiguredServices(context, typed, completion);
    case ValueKind::kArchivedService:
      return OfferArchivedServices(context, typed, completion);
    case ValueKind::kArchiveOrFile:
      completion.files = Completion::Files::kAll;
      return OfferSelectors(context, typed, {.date = true, .path = false}, completion);
    case ValueKind::kArchiveOrPattern:
      if (!line.arguments.empty()) return;
      [[fallthrough]];
    case ValueKind::kArchive:
      return OfferSelectors(context, typed, {.date = true, .path = false}, completion);
    case ValueKind::kInArchive:
      return OfferSelectors(context, typed, {.date = true, .path = true}, completion);
    case ValueKind::kInService:
      return OfferSelectors(context, typed, {.date = false, .path = true}, completion);
    case ValueKind::kPathInArchive:
      return OfferArchivedPaths(context, line.arguments.front(), typed, completion);
    case ValueKind::kFile:
      completion.files = Completion::Files::kAll;
      return;
    case ValueKind::kDirectory:
      completion.files = Completion::Files::kDirectories;
      return;
  }
}

void OfferFor(const CLI::Option& option, const Context& context, const TypedLine& line,
              const std::string& typed, Completion& completion) {
  const std::string name = option.get_name(option.get_positional());
  OfferChoices(name, typed, completion);
  for (const NamedValue& one : kValues) {
    if (one.name != name) continue;
    const bool lists = name == "SERVICE" && line.command->get_name() == "list";
    OfferValue(context, line, lists ? ValueKind::kArchivedService : one.value, typed, completion);
  }
}

// --NAME=VALUE, of which the whole word is offered.
void OfferAfterEquals(const CLI::App& app, const Context& context, const TypedLine& line,
                      const std::string& typed, Completion& completion) {
  const size_t equals = typed.find('=');
  const CLI::Option* option = FindOption(app, line, typed.substr(0, equals));
  if (option == nullptr || !TakesValue(*option)) return;
  OfferFor(*option, context, line, typed.substr(equals + 1), completion);
  for (Completion::Word& word : completion.words) word.text.insert(0, typed.substr(0, equals + 1));
}

}  // namespace

Completion Complete(const CLI::App& app, Context& context, std::span<const std::string> words) {
  Completion completion;
  if (words.empty()) return completion;
  const TypedLine line = Understand(app, words.first(words.size() - 1), context);
  const std::string& typed = words.back();
  const bool is_option = !line.options_ended && typed.starts_with("-");
  if (line.waiting != nullptr) {
    OfferFor(*line.waiting, context, line, typed, completion);
  } else if (is_option && typed.find('=') != std::string::npos) {
    OfferAfterEquals(app, context, line, typed, completion);
  } else if (is_option) {
    if (line.command != nullptr && line.command != &app)
      OfferOptions(*line.command, typed, completion);
    OfferOptions(app, typed, completion);
  } else if (line.command == nullptr) {
    OfferCommands(app, typed, completion);
  } else if (const CLI::Option* option = PositionalAt(*line.command, line.arguments.size())) {
    OfferFor(*option, context, line, typed, completion);
  }
  return completion;
}

std::string FormatCompletion(const Completion& completion) {
  constexpr std::array<const char*, 3> kFiles{"words", "directories", "files"};
  std::string text = kFiles.at(static_cast<size_t>(completion.files));
  text += '\n';
  for (const Completion::Word& word : completion.words)
    text += fmt::format("{}\t{}\n", word.text, word.description);
  return text;
}

}  // namespace orcio::cli
