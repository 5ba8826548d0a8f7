#include "sandbox/pod_sockets.hpp"

#include "base/error.hpp"

#include <atomic>
#include <cerrno>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_connections = 128; // of one socket; further ones wait in the guest
constexpr auto backlog_pause = 20ms;
constexpr unsigned most_tries = 500; // 10 s

// Numbers, since a socket's name must be short.
std::string next_guest_path() {
  static std::atomic<unsigned> last = 0;
  return "/run/nacre/sockets/" + std::to_string(++last);
}

} // namespace

std::vector<RelayedSocket> choose_sockets(const std::vector<GuestMountChoice>& choices,
                                          const config::StringList& patterns) {
  std::vector<RelayedSocket> sockets;
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choices[i].how == GuestMountChoice::How::socket)
      sockets.push_back({i, require_relayed(choices[i].host_source, patterns), next_guest_path()});
  return sockets;
}

PodSockets::PodSockets(agent_client::IoLoop& loop, std::function<void(const std::string&)> warn)
    : loop_(loop), warn_(std::move(warn)) {}

void PodSockets::serve(std::shared_ptr<agent_client::AgentClient> client, const std::string& container_id,
                       std::vector<RelayedSocket> sockets) {
  loop_.run([&] {
    for (auto& socket : sockets)
      take_next(served_.insert(served_.end(), {client, container_id, std::move(socket), {}}));
  });
}

void PodSockets::drop(const std::string& container_id) noexcept {
  try {
    loop_.run([&] {
      served_.remove_if([&](Served& served) {
        const bool goes = container_id.empty() || served.container_id == container_id;
        if (goes) close(served);
        return goes;
      });
    });
  } catch (const std::exception&) {
    // nothing of it throws but a lack of memory, and then the process ends anyway
  }
}

void PodSockets::stop() noexcept {
  drop({}); // of all containers
}

void PodSockets::close(Served& served) {
  for (auto& connection : served.connections) {
    loop_.cancel(connection.retry);
    connection.tunnel->cancel();
  }
}

void PodSockets::take_next(Place served) {
  if (served->waits || served->connections.size() >= most_connections) return;
  served->waits = true;
  const auto connection = served->connections.insert(served->connections.end(), Connection());
  agent_client::v1::TunnelFrame::Open open;
  open.set_path(served->socket.guest_path);
  agent_client::Tunnel::Callbacks callbacks;
  callbacks.answered = [this, served, connection] {
    served->waits = false;
    connect(served, connection);
    take_next(served);
  };
  callbacks.ended = [this, served, connection](const auto& error) { ended(served, connection, error); };
  connection->tunnel = agent_client::Tunnel::open(served->client, "Accept", open,
                                                  "relay a connection of the guest", std::move(callbacks));
}

void PodSockets::connect(Place served, Which connection) {
  connection->retry = 0;
  try {
    connection->tunnel->join(connect_to(served->socket.host));
    served->failing = false;
    return;
  } catch (const Error& error) {
    // A connect(2) that waits for room in the server's backlog has no event to wait for here: it would take a
    // thread for each.
    if (error.error_number() == EAGAIN && ++connection->tries < most_tries) {
      connection->retry = loop_.after(backlog_pause, [=, this] { connect(served, connection); });
      return;
    }
    if (!std::exchange(served->failing, true))
      warn_("container " + served->container_id + ": " + error.what());
  }
  connection->tunnel->cancel();
  served->connections.erase(connection);
  take_next(served);
}

void PodSockets::ended(Place served, Which connection, const std::optional<Error>& error) {
  loop_.cancel(connection->retry);
  const bool was_waiting = served->waits && connection == std::prev(served->connections.end());
  served->connections.erase(connection);
  if (!was_waiting) return take_next(served);
  // The agent does not listen there any more; that the guest has gone is told elsewhere.
  if (error && error->code() != ErrorCode::unavailable)
    warn_("container " + served->container_id + ": socket \"" + served->socket.host.path +
          "\" is no longer relayed: " + error->what());
}

} // namespace nacre::sandbox
