#include "index/files/mapped_file.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

namespace orcio::inline index {
namespace {

// A signal handler can reach nothing but globals: this table is how it tells our maps from a bug
// elsewhere. Slots are taken and left with atomics alone, so that the handler may read them at any
// moment.
struct Slot {
  std::atomic<uintptr_t> begin{0};  // 0: free; 1: being set up
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> faulted{false};
};
constexpr size_t kSlots = 65536;
std::array<Slot, kSlots> mapped_slots;
std::atomic<size_t> slots_used{0};  // no slot at or above this was ever taken
const auto page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));

// mmap is a plain system call on Linux, though POSIX does not list it as async-signal-safe.
void OnBusError(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const size_t used = slots_used.load();
  for (size_t i = 0; i < used; ++i) {
    const uintptr_t begin = mapped_slots[i].begin.load();
    if (begin <= 1 || address < begin || address >= mapped_slots[i].end.load()) continue;
    void* page = reinterpret_cast<void*>(address / page_bytes * page_bytes);
    if (::mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
      break;
    mapped_slots[i].faulted.store(true);
    return;
  }
  ::signal(signal, SIG_DFL);  // returning repeats the access, which then ends the process
}

void InstallHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, nullptr);
  });
}

Slot* TakeSlot() {
  for (size_t i = 0; i < kSlots; ++i) {
    uintptr_t free = 0;
    if (!mapped_slots[i].begin.compare_exchange_strong(free, 1)) continue;
    size_t used = slots_used.load();
    while (used < i + 1 && !slots_used.compare_exchange_weak(used, i + 1)) {
    }
    return &mapped_slots[i];
  }
  return nullptr;
}

class Mapping : public MappedFile {
 public:
  Mapping(void* address, size_t bytes, Slot* slot) : address_(address), bytes_(bytes), slot_(slot) {
    slot_->faulted.store(false);
    const auto begin = reinterpret_cast<uintptr_t>(address);
    slot_->end.store(begin + (bytes + page_bytes - 1) / page_bytes * page_bytes);
    slot_->begin.store(begin);
  }
  ~Mapping() override {
    slot_->begin.store(1);
    ::munmap(address_, bytes_);
    slot_->begin.store(0);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(address_), bytes_};
  }
  bool faulted() const override { return slot_->faulted.load(std::memory_order_relaxed); }

 private:
  void* address_;
  size_t bytes_;
  Slot* slot_;
};

class EmptyMapping : public MappedFile {
 public:
  std::span<const std::byte> bytes() const override { return {}; }
  bool faulted() const override { return false; }
};

}  // namespace

Result<std::unique_ptr<MappedFile>> MapFile(int fd, uint64_t bytes,
                                            const std::filesystem::path& path) {
  if (bytes == 0) return std::make_unique<EmptyMapping>();  // mmap refuses a length of 0
  InstallHandler();
  void* address = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return FailErrno(errno, fmt::format("cannot map {}", path.string()));
  ::posix_madvise(address, bytes, POSIX_MADV_RANDOM);
  Slot* slot = TakeSlot();
  if (slot == nullptr) {
    ::munmap(address, bytes);
    return Fail(ErrorKind::kLimit, "cannot map {}: {} files are mapped already", path.string(),
                kSlots);
  }
  return std::make_unique<Mapping>(address, bytes, slot);
}

}  // namespace orcio::inline index
