#include "sandbox/pod_dns.hpp"

#include <algorithm>
#include <cstring>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_under_way = 256; // as the agent
constexpr double per_second = 2000;         // more than a busy web crawler asks
constexpr double burst = 2000;
constexpr auto refill_pause = 50ms;

} // namespace

PodDns::PodDns(agent_client::IoLoop& loop, int netns_fd, std::function<void(const std::string&)> warn)
    : loop_(loop), warn_(std::move(warn)), upstream_(std::make_unique<DnsUpstream>(loop, netns_fd)),
      tokens_(burst), filled_(Clock::now()) {}

void PodDns::follow(const std::string& resolv_conf) {
  if (resolv_conf.empty()) return;
  loop_.run([&] {
    if (stopped_) return;
    files_.emplace_back(loop_, resolv_conf, [this] { update(); });
    update();
  });
}

void PodDns::serve(std::shared_ptr<agent_client::AgentClient> client) {
  loop_.run([&] {
    if (stopped_) return;
    client_ = std::move(client);
    update();
  });
}

void PodDns::wait_listening(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return !awaited_; });
}

void PodDns::stop() noexcept {
  try {
    loop_.run([this] {
      stopped_ = true;
      files_.clear();
      loop_.cancel(refill_);
      if (const auto stream = std::exchange(stream_, nullptr)) stream->cancel();
      upstream_.reset();
      client_.reset();
      set_awaited(false);
    });
  } catch (const std::exception&) {
    // nothing of it throws but a lack of memory, and then the process ends anyway
  }
}

void PodDns::set_awaited(bool awaited) {
  const std::lock_guard lock(mutex_);
  awaited_ = awaited;
  changed_.notify_all();
}

void PodDns::update() {
  if (!client_) return;
  std::vector<std::uint32_t> wanted;
  for (const auto& file : files_)
    for (const auto address : file.servers())
      if (std::find(wanted.begin(), wanted.end(), address) == wanted.end()) wanted.push_back(address);
  if (wanted == told_) return;
  if (!stream_) open();
  told_ = wanted;
  set_awaited(true);
  stream_->listen(wanted);
}

void PodDns::open() {
  under_way_ = 0;
  full_ = false;
  stream_ =
      agent_client::DnsStream::open(client_, {[this](Query&& query) { return ask(std::move(query)); },
                                              [this](const std::string& problem) { listening(problem); },
                                              [this](const std::optional<Error>& error) { ended(error); }});
}

void PodDns::listening(const std::string& problem) {
  set_awaited(false);
  if (!problem.empty()) warn_("the guest's name servers: " + problem);
}

void PodDns::ended(const std::optional<Error>& error) {
  stream_.reset();
  told_.clear();
  set_awaited(false);
  if (error) warn_(error->what());
}

// So many at once and so many a second: what comes faster waits in the guest.
bool PodDns::may_ask() {
  const auto now = Clock::now();
  tokens_ = std::min(burst, tokens_ + std::chrono::duration<double>(now - filled_).count() * per_second);
  filled_ = now;
  if (tokens_ < 1) {
    if (refill_ == 0)
      refill_ = loop_.after(refill_pause, [this] {
        refill_ = 0;
        read_on();
      });
    return false;
  }
  return under_way_ < most_under_way;
}

bool PodDns::ask(Query&& query) {
  tokens_ -= 1;
  const std::uint32_t id = query.id();
  std::uint32_t server = 0;
  if (query.server().size() == sizeof server) std::memcpy(&server, query.server().data(), sizeof server);
  // Only whom the guest was told to listen for: it may not choose whom on the host it talks to.
  if (std::find(told_.begin(), told_.end(), server) == told_.end()) {
    stream_->answer(id, {});
  } else {
    ++under_way_;
    const std::weak_ptr<agent_client::DnsStream> asked_by = stream_;
    upstream_->ask(server, query.tcp(), std::move(*query.mutable_bytes()),
                   [this, id, asked_by](std::string answer) {
                     if (asked_by.lock() == stream_ && stream_) answered(id, std::move(answer));
                   });
  }
  full_ = !may_ask();
  return !full_;
}

void PodDns::answered(std::uint32_t id, std::string answer) {
  --under_way_;
  stream_->answer(id, std::move(answer));
  read_on();
}

void PodDns::read_on() {
  if (!full_ || !stream_ || !may_ask()) return;
  full_ = false;
  stream_->read_on();
}

} // namespace nacre::sandbox
