// QEMU's machine protocol (docs/interop/qmp-spec): one JSON object a line over a connected stream socket.
//
// One thread, started by listen(), reads; commands are sent by any other thread. What comes from QEMU is
// bounded: a VMM that was taken over by its guest must not take us over too.
#pragma once

#include <nacre/sdk/fd.hpp>
#include <nacre/sdk/host.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace nacre::qemu {

class Qmp {
public:
  // Called on the reading thread, in order. Must not call execute(), may call post().
  struct Listener {
    std::function<void(std::string_view event, const boost::json::object& data)> event;
    std::function<void(std::string_view reason)>
        closed; // once: QEMU hung up, or said what cannot be understood
  };

  explicit Qmp(sdk::Fd socket);
  ~Qmp(); // closes the connection and joins the thread

  Qmp(const Qmp&) = delete;
  Qmp& operator=(const Qmp&) = delete;

  void listen(Listener listener);
  // Waits for QEMU's greeting, which comes when the machine has been built, and leaves negotiation mode.
  void negotiate(const sdk::Call& call);

  // Sends a command and waits for its answer, the member "return". Descriptors for getfd and add-fd ride
  // along. Throws sdk::Error with QEMU's words; NACRE_E_UNAVAILABLE when the connection is gone.
  boost::json::value execute(const sdk::Call& call, std::string_view command,
                             boost::json::object arguments = {}, int fd = -1);
  // Sends and does not wait. For the reading thread, and for quit. `answered` is called there when QEMU has
  // done it or refused to, and never when the connection ends before.
  void post(std::string_view command, boost::json::object arguments = {},
            std::function<void()> answered = nullptr);

  static constexpr std::size_t longest_line = 4u << 20;

private:
  struct Answer {
    bool done = false;
    boost::json::object message;
  };

  void read_lines();
  void take(std::string_view line);
  bool take_posted(std::uint64_t id);
  void close_with(std::string_view reason);
  void send(std::string_view line, int fd);
  // Waits under deadline and cancellation until `ready` holds or the connection is closed.
  void wait(const sdk::Call& call, std::unique_lock<std::mutex>& lock, const std::function<bool()>& ready,
            std::string_view what);

  sdk::Fd socket_;
  sdk::Fd changed_; // eventfd: something that a waiting thread may look for has happened
  Listener listener_;
  std::thread reader_;
  std::mutex send_mutex_;
  std::mutex mutex_; // guards all below
  bool greeted_ = false;
  bool closed_ = false;
  std::string close_reason_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Answer> waiting_;
  std::map<std::uint64_t, std::function<void()>> posted_; // with somebody to be called
};

} // namespace nacre::qemu
