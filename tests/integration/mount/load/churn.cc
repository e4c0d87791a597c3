#include "tests/integration/mount/load/churn.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace orcio::test {
namespace {

using Clock = std::chrono::steady_clock;

// So many changes of 150 ms let each archive stay for some seconds.
constexpr size_t kPassingAtOnce = 20;
constexpr std::chrono::milliseconds kBetweenChanges{150};

std::filesystem::path SidecarOf(const std::filesystem::path& archive) {
  return archive.string() + ".idx";
}

std::string DateOf(int number) {
  return fmt::format("2025-{:02}-{:02}T{:02}{:02}00Z", number / 40320 + 1, number / 1440 % 28 + 1,
                     number / 60 % 24, number % 60);
}

}  // namespace

Churn::Churn(const Editions& editions, std::filesystem::path repository)
    : editions_(editions), repository_(std::move(repository)) {
  Put("steady", kDate, 0);
  Put("replaced", kDate, 0);
  for (size_t i = 0; i < kPassingAtOnce; ++i) AddPassing();
}

// As cp(1) and mv(1) would: what is there under its name is whole. An archive and its sidecar are
// two files, and whoever looks between the two renames sees one without the other.
void Churn::Put(const std::string& service, const std::string& date, size_t edition,
                bool sidecar_first) const {
  const std::string name = service + "-" + date + ".tar.gz";
  const auto archive = repository_ / name;
  const auto part = repository_ / ("." + name + ".part");
  const auto sidecar_part = SidecarOf(part);
  std::filesystem::copy_file(editions_.Archive(edition), part);
  std::filesystem::copy_file(SidecarOf(editions_.Archive(edition)), sidecar_part);
  if (sidecar_first) std::filesystem::rename(sidecar_part, SidecarOf(archive));
  std::filesystem::rename(part, archive);
  if (!sidecar_first) std::filesystem::rename(sidecar_part, SidecarOf(archive));
}

void Churn::AddPassing() {
  const int number = came_++;
  const size_t edition = static_cast<size_t>(number) % Editions::kCount;
  Put("passing", DateOf(number), edition);
  const std::scoped_lock lock(mutex_);
  passing_.push_back({DateOf(number), edition, Clock::now()});
}

void Churn::RemoveOldest() {
  std::string date;
  {
    const std::scoped_lock lock(mutex_);
    date = passing_.front().date;
    passing_.pop_front();
  }
  const auto archive = repository_ / ("passing-" + date + ".tar.gz");
  std::filesystem::remove(archive);
  std::filesystem::remove(SidecarOf(archive));
  ++went_;
}

void Churn::Replace() {
  const int number = ++replaced_;
  Put("replaced", kDate, static_cast<size_t>(number) % Editions::kCount, number % 2 == 0);
}

void Churn::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    AddPassing();
    RemoveOldest();
    std::this_thread::sleep_for(kBetweenChanges);
    Replace();
    std::this_thread::sleep_for(kBetweenChanges);
  }
}

Churn::Passing Churn::AnyPassing(std::mt19937& random) const {
  const std::scoped_lock lock(mutex_);
  return passing_[random() % passing_.size()];
}

bool Churn::IsThere(const Passing& archive) const {
  const std::scoped_lock lock(mutex_);
  return std::any_of(passing_.begin(), passing_.end(),
                     [&](const Passing& there) { return there.date == archive.date; });
}

std::string Churn::Summary() const {
  return fmt::format("{} archives came, {} went, one was replaced {} times", came_.load(),
                     went_.load(), replaced_.load());
}

}  // namespace orcio::test
