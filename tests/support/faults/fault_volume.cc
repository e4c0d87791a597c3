#include "tests/support/faults/fault_volume.h"

#include <fstream>

#include "tests/support/command.h"
#include "tests/support/scratch_directory.h"

namespace orcio::test {
namespace {

namespace fs = std::filesystem;

// One hardly compresses; the other does, and is more than sshd holds for us, so that a link that
// breaks in the middle breaks in the middle of a tar.
constexpr size_t kPhotoBytes = 3 << 20;
constexpr size_t kFilmBytes = 16 << 20;
constexpr unsigned kLetters = 200;

}  // namespace

FaultVolume::FaultVolume(fs::path path) : path_(std::move(path)) {
  fs::create_directories(path_ / "letters");
  fs::create_directory(path_ / "live");
  std::ofstream photos(path_ / "photos", std::ios::binary);
  for (size_t i = 0; i < kPhotoBytes / 4; ++i) {
    const auto word = random_();
    photos.write(reinterpret_cast<const char*>(&word), 4);
  }
  FillFilm();
  for (unsigned i = 0; i < kLetters; ++i) WriteLetter(i);
}

// Counts while it runs. As it ends, it writes 16 MiB in which every line is the count, so that a
// run that only fetches what has changed has much to fetch once the service is stopped.
const char* FaultVolume::Writer() {
  return "stop=; trap stop=1 TERM; read -r n </data/live/rest || n=0; "
         "while [ -z \"$$stop\" ]; do n=$$((n+1)); echo $$n >/data/live/count; "
         "[ -n \"$$stop\" ] || { sleep 0.3 & wait $$!; }; done; "
         "busybox yes $$n | busybox head -c 16777216 >/data/live/data; echo $$n >/data/live/rest";
}

void FaultVolume::Change() {
  ++changes_;
  FillFilm();
  for (unsigned i = 0; i < 3; ++i) WriteLetter(AnyLetter());
  fs::remove(path_ / "letters" / std::to_string(AnyLetter()));
}

unsigned FaultVolume::AnyLetter() {
  return std::uniform_int_distribution<unsigned>(0, kLetters - 1)(random_);
}

void FaultVolume::FillFilm() {
  std::ofstream film(path_ / "film", std::ios::binary);
  for (size_t i = 0; i < kFilmBytes / 4096; ++i)
    film << std::string(4096, static_cast<char>(i + changes_));
}

void FaultVolume::WriteLetter(unsigned number) {
  std::ofstream(path_ / "letters" / std::to_string(number)) << std::string(2000, 'x') << random_();
}

std::string FaultVolume::Digest() const {
  CommandOptions options;
  options.environment = {{"volume", path_}};
  return RunShell("cd \"$volume\" && sha256sum photos film letters/* | sha256sum", options).out;
}

std::string FaultVolume::Compare(const fs::path& archive, Expected expected) const {
  ScratchDirectory scratch;
  CommandOptions options;
  options.environment = {{"archive", archive},
                         {"into", scratch.path()},
                         {"volume", path_},
                         {"changed", expected.changed ? "yes" : ""},
                         {"at_rest", expected.at_rest ? "yes" : ""}};
  const Ended compared = RunShell(R"sh(
    gzip -t "$archive"
    tar -xzf "$archive" -C "$into"
    cmp "$into$volume/photos" "$volume/photos"
    if [ -n "$changed" ]; then
      cmp "$into$volume/film" "$volume/film"
      diff -r "$into$volume/letters" "$volume/letters"
    fi
    cd "$into$volume/live"
    [ -n "$at_rest" ] || exit 0
    cmp count rest
    yes "$(cat rest)" | head -c 16777216 | cmp data -
  )sh",
                                  options);
  return compared.status == 0 ? "" : compared.out + compared.err;
}

}  // namespace orcio::test
