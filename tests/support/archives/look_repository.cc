#include "tests/support/archives/look_repository.h"

#include <stdexcept>

#include "base/bytes.h"
#include "index/files/file_system.h"
#include "tests/support/archives/made_archive.h"
#include "tests/support/archives/scanned_tar.h"
#include "tests/support/archives/written_archive.h"
#include "tests/support/built.h"

namespace orcio::test {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kFirst = 1'700'000'000;

void AddNames(TarText& tar) {
  tar.Directory("srv/wiki/names/");
  for (const char* name : {"new\nline", "'single' \"double\"", "\xff\xfe not UTF-8",
                           "escape \x1b[31m", "caf\xc3\xa9", "star * and [x]", " spaces "}) {
    tar.File(std::string("srv/wiki/names/") + name, name);
  }
  tar.File(LookRepository::LongPath(), "at the bottom");
}

TarText Week(int week) {
  TarText tar;
  tar.Directory("srv/wiki/", kFirst + week * kDay);
  if (week < 4) {
    tar.File("srv/wiki/page",
             week < 3 ? "one\ntwo\nthree\nfour\nfive\n" : "one\n2\nthree\nfour\nfive\nsix\n",
             kFirst + (week < 3 ? 0 : 3) * kDay);
  }
  if (week != 2) tar.File("srv/wiki/back", "here\n", kFirst);
  tar.File("srv/wiki/touched", "same\n", kFirst + (week < 4 ? 0 : 4) * kDay,
           week < 4 ? "0000644" : "0000600");
  tar.File("srv/wiki/photo.jpg", std::string(3000, '\xff') + std::to_string(week < 4 ? 0 : 4));
  tar.Symlink("srv/wiki/link", week < 3 ? "page" : "touched");
  tar.HardLink("srv/wiki/hard", "srv/wiki/touched");
  AddNames(tar);
  if (week == 4) tar.Directory("srv/wiki/new/").File("srv/wiki/new/page", "new\n");
  return tar;
}

}  // namespace

TarText& TarText::Entry(const std::string& path, char type, const std::string& content,
                        int64_t mtime, const std::string& mode, const std::string& target) {
  HandMadeHeader header;
  if (path.size() > 100) text_ += PaxHeader({"path=" + path});
  header.path = path.substr(0, 100);
  header.type = type;
  header.mode = mode;
  header.size = SizeField(content.size());
  header.mtime = SizeField(static_cast<uint64_t>(mtime));
  header.link_target = target;
  text_ += header.Block() + Padded(content);
  return *this;
}

TarText& TarText::Directory(const std::string& path, int64_t mtime) {
  return Entry(path, '5', "", mtime, "0000755", "");
}
TarText& TarText::File(const std::string& path, const std::string& content, int64_t mtime,
                       const std::string& mode) {
  return Entry(path, '0', content, mtime, mode, "");
}
TarText& TarText::Symlink(const std::string& path, const std::string& target) {
  return Entry(path, '2', "", kFirst, "0000777", target);
}
TarText& TarText::HardLink(const std::string& path, const std::string& target) {
  return Entry(path, '1', "", kFirst, "0000644", target);
}
std::string TarText::Text() const {
  return text_ + EndMarker();
}

LookRepository::LookRepository() {
  std::filesystem::create_directory(directory());
  Write("wiki-2025-11-02T020000Z.tar.gz", Week(1));
  Write("wiki-2025-11-09T020000Z.tar.gz", Week(2));
  Write("wiki-2025-11-16T020000Z.tar.gz", Week(3));
  Write("wiki-2025-11-23T020000Z.tar.gz", Week(4));
  TarText database;
  database.Directory("srv/db/").File("srv/db/page", std::string(5000, 'd'));
  Write("db-2025-11-16T030000Z.tar.gz", database);
}

std::string LookRepository::LongPath() {
  std::string path = "srv/wiki/names/long";
  while (path.size() + 201 < 4000) path += "/" + std::string(200, 'd');
  return path + "/" + std::string(4000 - path.size() - 1, 'f');
}

void LookRepository::Write(const std::string& name, const TarText& tar) const {
  const std::string text = tar.Text();
  const auto written = WriteArchive(LocalFileSystem(), directory(), name, AsBytes(text));
  if (!written) throw std::runtime_error(written.error().message);
}

void LookRepository::WriteCut(const std::string& name, const TarText& tar, size_t bytes) const {
  const std::string text = tar.Text();
  const auto all = AsBytes(text);
  MakeArchive(directory() / name, {all.begin(), all.end()}, {.tar_bytes = bytes});
}

Ended LookRepository::Run(std::vector<std::string> words) const {
  words.insert(words.begin(), {BuiltProgram(), "-r", directory().string()});
  return RunCommand(words, {.input = {}, .environment = {{"TZ", "UTC"}}, .directory = {}});
}

}  // namespace orcio::test
