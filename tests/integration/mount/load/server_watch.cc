#include "tests/integration/mount/load/server_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

namespace orcio::test {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{200};

template <class Iterator>
int64_t Median(Iterator begin, Iterator end) {
  std::vector<int64_t> values(begin, end);
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

ServerWatch::ServerWatch(pid_t process)
    : process_(process), thread_([this](const std::stop_token& stop) {
        do {
          looks_.push_back(LookAt());
          std::this_thread::sleep_for(kBetweenLooks);
        } while (!stop.stop_requested());
      }) {}

ServerWatch::Look ServerWatch::LookAt() const {
  const std::filesystem::path process = "/proc/" + std::to_string(process_);
  Look look;
  std::ifstream status(process / "status");
  std::string key;
  int64_t kib = 0;
  while (status >> key) {
    if (key == "RssAnon:" && status >> kib) look.anonymous_bytes = kib * 1024;
    if (key == "RssFile:" && status >> kib) look.mapped_bytes = kib * 1024;
  }
  std::error_code error;
  for (std::filesystem::directory_iterator fd(process / "fd", error), end; !error && fd != end;
       fd.increment(error)) {
    ++look.descriptors;
  }
  return look;
}

std::array<int64_t, 4> ServerWatch::MediansOf(int64_t Look::*figure) const {
  std::vector<int64_t> values;
  for (const Look& look : looks_) values.push_back(look.*figure);
  const size_t quarter = values.size() / 4;
  std::array<int64_t, 4> medians{};
  for (size_t i = 0; quarter > 0 && i < medians.size(); ++i) {
    const auto begin = values.begin() + static_cast<ptrdiff_t>(i * quarter);
    medians[i] = Median(begin, begin + static_cast<ptrdiff_t>(quarter));
  }
  return medians;
}

ServerWatch::Growth ServerWatch::End() {
  thread_.request_stop();
  thread_.join();
  const auto growth_of = [this](int64_t Look::*figure) {
    const auto medians = MediansOf(figure);
    return medians[3] - medians[1];
  };
  Growth growth;
  growth.anonymous_quarters = MediansOf(&Look::anonymous_bytes);
  growth.anonymous_bytes = growth_of(&Look::anonymous_bytes);
  growth.mapped_bytes = growth_of(&Look::mapped_bytes);
  growth.descriptors = growth_of(&Look::descriptors);
  for (const Look& look : looks_) {
    growth.most_anonymous_bytes = std::max(growth.most_anonymous_bytes, look.anonymous_bytes);
    growth.most_descriptors = std::max(growth.most_descriptors, look.descriptors);
  }
  return growth;
}

std::string ServerWatch::Growth::Summary() const {
  constexpr double kMiB = 1 << 20;
  const auto mib = [](int64_t bytes) { return static_cast<double>(bytes) / kMiB; };
  std::string text = fmt::format("the server: at most {:.1f} MiB of its own and {} descriptors;",
                                 mib(most_anonymous_bytes), most_descriptors);
  for (const int64_t bytes : anonymous_quarters) text += fmt::format(" {:.1f}", mib(bytes));
  return text + fmt::format(
                    " MiB in each quarter of the time, {:+.1f} MiB of mapped files and {:+} "
                    "descriptors from the second to the last",
                    mib(mapped_bytes), descriptors);
}

}  // namespace orcio::test
