#include "archiver/local/ping.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "base/free_with.h"
#include "base/threads/pause.h"

namespace orcio::inline archiver {
namespace {

using CurlUrl = std::unique_ptr<CURLU, FreeWith<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, FreeWith<curl_free>>;
using CurlEasy = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using CurlHeaders = std::unique_ptr<curl_slist, FreeWith<curl_slist_free_all>>;

// Before any thread of its own; the standard wants it once a program.
void BeginCurl() {
  static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)begun;
}

std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  return CurlText(text).get();
}

struct PingTarget {
  std::string url;
  std::string host;
  bool encrypted = false;
};

Result<PingTarget> TargetOf(const std::string& text, std::string_view suffix) {
  BeginCurl();
  const auto invalid = [] {
    return Fail(ErrorKind::kInvalid, "must be a URL that starts with https:// or http://");
  };
  const CurlUrl url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return invalid();
  const std::string scheme = PartOf(url.get(), CURLUPART_SCHEME);
  PingTarget target;
  target.host = PartOf(url.get(), CURLUPART_HOST);
  target.encrypted = scheme == "https";
  if ((scheme != "https" && scheme != "http") || target.host.empty()) return invalid();
  std::string path = PartOf(url.get(), CURLUPART_PATH);
  while (!suffix.empty() && path.ends_with('/')) path.pop_back();
  path += suffix;
  curl_url_set(url.get(), CURLUPART_PATH, path.c_str(), 0);
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  target.url = PartOf(url.get(), CURLUPART_URL);
  return target.url.empty() ? Result<PingTarget>(invalid()) : target;
}

std::string_view SuffixOf(PingEvent event) {
  switch (event) {
    case PingEvent::kStart:
      return "/start";
    case PingEvent::kSuccess:
      return "";
    case PingEvent::kFailure:
      break;
  }
  return "/fail";
}

size_t Discard(char*, size_t size, size_t count, void*) {
  return size * count;
}

// No command that is started meanwhile may inherit it.
curl_socket_t OpenSocket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void SetTarget(CURL* curl, const PingTarget& target) {
  curl_easy_setopt(curl, CURLOPT_URL, target.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, target.encrypted ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 3L);
  curl_easy_setopt(curl, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
}

void SetLimits(CURL* curl, std::chrono::milliseconds time) {
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(time.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(time.count()));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // A name server that does not answer holds up nobody for longer than that: its thread is left to
  // end by itself.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
}

struct PingAnswer {
  CURLcode code = CURLE_FAILED_INIT;
  long status = 0;
  long errnum = 0;

  [[nodiscard]] bool good() const { return code == CURLE_OK && status / 100 == 2; }
  [[nodiscard]] bool may_get_better() const {
    return code == CURLE_OK ? status / 100 == 5 || status == 408 || status == 429
                            : code != CURLE_UNSUPPORTED_PROTOCOL;
  }
  // Not from curl's error buffer, which may quote the URL.
  [[nodiscard]] std::string words() const {
    if (code == CURLE_OK) return fmt::format("answered with status {}", status);
    std::string text = curl_easy_strerror(code);
    if (errnum != 0) text += fmt::format(" ({})", std::strerror(static_cast<int>(errnum)));
    return text;
  }
};

PingAnswer TryPing(const PingTarget& target, const std::string& body,
                   std::chrono::milliseconds time) {
  PingAnswer answer;
  const CurlEasy curl(curl_easy_init());
  CurlHeaders headers(curl_slist_append(nullptr, "Content-Type: text/plain; charset=utf-8"));
  // An answer to "Expect: 100-continue" would be one more thing to wait for.
  if (!curl || !headers || curl_slist_append(headers.get(), "Expect:") == nullptr) return answer;
  SetTarget(curl.get(), target);
  SetLimits(curl.get(), time);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "orcio/" ORCIO_VERSION);
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Discard);
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
  answer.code = curl_easy_perform(curl.get());
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  curl_easy_getinfo(curl.get(), CURLINFO_OS_ERRNO, &answer.errnum);
  return answer;
}

}  // namespace

Result<void> CheckPingUrl(const std::string& url) {
  ORCIO_TRY(TargetOf(url, ""));
  return {};
}

Result<void> Ping(const std::string& url, PingEvent event, const std::string& body,
                  const PingPatience& patience, const std::stop_token& stop) {
  const PingTarget target = ORCIO_TRY(TargetOf(url, SuffixOf(event)));
  auto pause = patience.pause;
  for (unsigned tried = 1;; ++tried) {
    const PingAnswer answer = TryPing(target, body, patience.each);
    if (answer.good()) return {};
    const bool again = answer.may_get_better() && tried < patience.tries && Pause(pause, stop);
    if (!again) {
      return Fail(answer.code == CURLE_OK ? ErrorKind::kRefused : ErrorKind::kNetwork,
                  "the ping of {} failed{}: {}", target.host,
                  tried == 1 ? "" : fmt::format(" {} times", tried), answer.words());
    }
    pause *= 2;
  }
}

}  // namespace orcio::inline archiver
