// How the commands' options and arguments come apart.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cli/shared/commands.h"
#include "tests/support/catch.h"

namespace orcio::cli {
namespace {

constexpr std::array kAll{AddArchive, AddCat,       AddCheck,   AddDiff,   AddDump,    AddExport,
                          AddFind,    AddHistory,   AddIndex,   AddList,   AddLs,      AddMount,
                          AddProtect, AddPrune,     AddRecover, AddRepack, AddRestore, AddStatus,
                          AddUmount,  AddUnprotect, AddVerify};

// A command whose words were taken apart.
struct Parsed {
  Parsed(AddCommand add, std::vector<std::string> words) {
    command = add(app, context);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
  }

  [[nodiscard]] std::vector<std::string> Of(const std::string& name) const {
    return app.get_option(name)->results();
  }

  Context context;
  CLI::App app;
  Command command;
};

using Words = std::vector<std::string>;

}  // namespace

// "unknown mount option /backups", in the order of the command's own synopsis.
TEST_CASE("The mountpoint may stand behind its options, however many there are") {
  for (const Words& words : std::vector<Words>{{"-o", "cache_size=1G", "/backups"},
                                               {"-o", "cache_size=1G", "-o", "uid=5", "/backups"},
                                               {"-f", "-ocache_size=1G", "/backups"},
                                               {"-o", "cache_size=1G", "/backups", "-o", "ro"},
                                               {"/backups", "-o", "cache_size=1G"}}) {
    CAPTURE(words);
    CHECK(Parsed(AddMount, words).Of("MOUNTPOINT") == Words{"/backups"});
  }
}

TEST_CASE("Patterns of restore leave archive and paths alone") {
  const Parsed parsed(AddRestore, {"--exclude", "*.tmp", "--exclude", "*.log", "--include", "*.php",
                                   "--target", "/tmp/x", "wiki@2026-11-23", "srv/wiki", "srv/b"});
  CHECK(parsed.Of("--exclude") == Words{"*.tmp", "*.log"});
  CHECK(parsed.Of("--include") == Words{"*.php"});
  CHECK(parsed.Of("SERVICE[@DATE]") == Words{"wiki@2026-11-23"});
  CHECK(parsed.Of("PATH") == Words{"srv/wiki", "srv/b"});
}

TEST_CASE("No option of a command takes the arguments that come behind its value") {
  size_t options_with_values = 0;
  for (const AddCommand add : kAll) {
    const Context context;
    CLI::App app;
    (void)add(app, context);
    const auto options = app.get_options();
    const bool has_arguments =
        std::any_of(options.begin(), options.end(),
                    [](const CLI::Option* option) { return option->get_positional(); });
    for (const CLI::Option* option : options) {
      if (option->get_positional() || option->get_items_expected_max() == 0) continue;
      ++options_with_values;
      CAPTURE(option->get_name());
      const bool takes_one =
          option->get_items_expected_max() == 1 || !option->get_allow_extra_args();
      CHECK((takes_one || !has_arguments));
      // Nor is its value one that may be left out: what comes after it would be taken for it.
      CHECK(option->get_items_expected_min() > 0);
    }
  }
  CHECK(options_with_values > 10);
}

}  // namespace orcio::cli
