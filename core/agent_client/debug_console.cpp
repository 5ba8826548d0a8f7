#include "agent_client/debug_console.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/stdio_input.hpp"
#include "agent_client/stdio_output.hpp"
#include "agent_client/transport.hpp"

#include <utility>

namespace nacre::agent_client {
namespace {

using Opened = std::function<void(const std::optional<Error>&)>;
using Frame = v1::TunnelFrame;

// Only on the loop's thread. Lives as long as the channel has an operation of it under way, or output waits
// for its reader.
class DebugConsole : public std::enable_shared_from_this<DebugConsole> {
public:
  DebugConsole(std::shared_ptr<AgentClient> client, UniqueFd socket, Opened opened)
      : client_(std::move(client)), opened_(std::move(opened)), peer_(socket.duplicate()),
        input_(client_->loop(), socket.duplicate(), [this] { write(); }),
        output_(client_->loop(), std::move(socket), [this] { output_moved(); }) {
    client_->transport().begin_use();
  }
  ~DebugConsole() {
    client_->loop().remove(peer_watch_);
    stream_.reset();
    client_->transport().end_use();
  }
  DebugConsole(const DebugConsole&) = delete;
  DebugConsole& operator=(const DebugConsole&) = delete;

  void begin(ConsoleSize size) {
    auto& open = *outgoing_.mutable_open();
    open.set_service("debug-console");
    open.set_rows(size.rows);
    open.set_columns(size.columns);
    // With no event asked for, only the hang-up of a socket that the peer has closed whole is told.
    peer_watch_ = client_->loop().add(peer_.get(), 0, [this](std::uint32_t) { peer_gone(); });
    stream_ = client_->transport().channel->open(method_path("Tunnel").c_str());
    stream_->start(starting_.by(shared_from_this()));
  }

private:
  // One kind of operation; a member, so that its address is the tag.
  struct Operation : Completion {
    explicit Operation(void (DebugConsole::*then)(bool)) : handler(then) {}
    Completion& by(std::shared_ptr<DebugConsole> console) {
      owner = std::move(console);
      return *this;
    }
    bool under_way() const noexcept { return owner != nullptr; }
    void completed(bool ok) override {
      const auto console = std::exchange(owner, nullptr); // keeps us alive to the end of this function
      (console.get()->*handler)(ok);
    }
    void (DebugConsole::*handler)(bool);
    std::shared_ptr<DebugConsole> owner;
  };

  void started(bool ok) {
    if (!ok) return end();
    stream_->write(outgoing_.SerializeAsString(), writing_.by(shared_from_this()));
    input_.start();
    read();
  }

  // Not before the last piece was taken: a reader that sleeps stops the shell, and nothing grows.
  void read() {
    if (ending_ || reading_.under_way() || output_.waiting()) return;
    stream_->read(bytes_, reading_.by(shared_from_this()));
  }

  void was_read(bool ok) {
    if (!ok) return end();
    Frame incoming;
    if (!incoming.ParseFromString(std::exchange(bytes_, {}))) {
      stream_->cancel();
      return end();
    }
    tell({});
    if (incoming.has_data()) {
      const auto offset = std::exchange(received_, received_ + incoming.data().size());
      output_.accept(offset, incoming.data(), false);
    }
    read();
  }

  void write() {
    if (ending_ || !stream_ || starting_.under_way() || writing_.under_way()) return;
    StdioInput::Chunk chunk;
    outgoing_.Clear();
    if (eof_due_) {
      eof_due_ = false;
      outgoing_.set_eof(true);
    } else if (!input_.next(chunk)) {
      return;
    } else if (chunk.bytes.empty()) {
      outgoing_.set_eof(true);
    } else {
      outgoing_.set_data(chunk.bytes.data(), chunk.bytes.size());
      sent_ = chunk.offset + chunk.bytes.size();
      eof_due_ = chunk.eof;
    }
    stream_->write(outgoing_.SerializeAsString(), writing_.by(shared_from_this()));
  }

  void written(bool ok) {
    if (!ok) return; // the read fails as well and ends the stream
    input_.acknowledged(sent_);
    write();
  }

  void output_moved() {
    const auto self = shared_from_this();
    if (output_.done())
      draining_.reset();
    else if (stream_ && !starting_.under_way())
      read();
  }

  void peer_gone() {
    client_->loop().remove(std::exchange(peer_watch_, 0));
    if (stream_) stream_->cancel(); // the agent closes the terminal's master: SIGHUP
  }

  void end() {
    if (std::exchange(ending_, true)) return;
    stream_->finish(status_, finishing_.by(shared_from_this()));
  }

  void was_finished(bool) {
    if (status_.ok())
      tell({});
    else
      tell(to_error(status_, "open the debug console", {}));
    client_->loop().remove(std::exchange(peer_watch_, 0));
    peer_.reset();
    input_.abandon();
    if (output_.waiting()) draining_ = shared_from_this();
    output_.accept(received_, {}, true);
  }

  void tell(const std::optional<Error>& error) {
    if (const auto opened = std::exchange(opened_, nullptr)) opened(error);
  }

  std::shared_ptr<AgentClient> client_;
  Opened opened_;
  UniqueFd peer_;
  IoLoop::Id peer_watch_ = 0;
  StdioInput input_;
  StdioOutput output_;
  std::uint64_t sent_ = 0, received_ = 0;
  bool eof_due_ = false, ending_ = false;
  std::shared_ptr<DebugConsole> draining_; // ourselves, while output is left after the stream's end
  std::unique_ptr<RpcStream> stream_;
  std::string bytes_;
  Frame outgoing_;
  RpcStatus status_;
  Operation starting_{&DebugConsole::started}, reading_{&DebugConsole::was_read},
      writing_{&DebugConsole::written}, finishing_{&DebugConsole::was_finished};
};

} // namespace

void open_debug_console(std::shared_ptr<AgentClient> client, UniqueFd socket, ConsoleSize size,
                        Opened opened) {
  auto& loop = client->loop();
  auto console = std::make_shared<DebugConsole>(std::move(client), std::move(socket), std::move(opened));
  loop.post([console = std::move(console), size] { console->begin(size); });
}

} // namespace nacre::agent_client
