// One process's stdio: host descriptors on one side, the agent's Stdio stream on the other, with credit,
// offsets and resending after a reconnect (agent/proto/agent.proto). A reader that sleeps stops its own
// channel only; what waits here is at most the window a channel.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/passed_descriptor.hpp"
#include "agent_client/stdio_input.hpp"
#include "agent_client/stdio_output.hpp"
#include "agent_client/stdio_stream.hpp"
#include "base/unique_fd.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nacre::agent_client {

struct StdioEnds {
  UniqueFd in;  // empty: no stdin
  UniqueFd out; // empty: thrown away
  UniqueFd err; // empty: thrown away; with a terminal there is no such channel
  bool terminal = false;
  std::vector<PassedDescriptor> descriptors = {}; // the process's 3, 4, ...
};

class StdioPump : public std::enable_shared_from_this<StdioPump> {
public:
  // `drained` is called once, on the loop's thread: every output channel has reached its end, all of it was
  // delivered (or its reader has gone) and the descriptors are closed.
  static std::shared_ptr<StdioPump> create(IoLoop& loop, std::string container_id, std::string exec_id,
                                           StdioEnds ends, std::function<void()> drained);
  ~StdioPump();

  // All from any thread.

  // Opens the stream; again, with the new client, after a reconnect.
  void connect(std::shared_ptr<AgentClient> client);
  // What is waiting in the descriptor is still sent, then the end of file.
  void close_stdin();
  // The process has ended: nobody reads its stdin.
  void process_ended();
  // Closes everything as it is; `drained` is called if it was not.
  void abort();

  // How many bytes the readers have taken so far. On the loop's thread.
  std::uint64_t delivered_bytes() const noexcept;
  // Whether bytes are here that a reader has not taken. On the loop's thread.
  bool waits_for_reader() const noexcept;

private:
  StdioPump(IoLoop& loop, std::string container_id, std::string exec_id, StdioEnds ends,
            std::function<void()> drained);
  using Frame = v1::StdioFrame;
  // What the process reads from a descriptor; 0: its stdin.
  struct InputLane {
    std::uint32_t descriptor;
    StdioInput input;
    bool present;
    bool first_acknowledgement = true; // the agent's first frame of each stream tells what it has
  };
  // What the process writes to a descriptor; 0: its stdout or stderr.
  struct OutputLane {
    std::uint32_t descriptor;
    Frame::Channel channel;
    StdioOutput output;
    std::uint64_t acknowledged = 0;
    bool gone_told = false; // the agent knows that nobody reads
  };

  void add_input(std::uint32_t descriptor, UniqueFd fd);
  OutputLane& add_output(std::uint32_t descriptor, Frame::Channel channel, UniqueFd fd);
  void add_descriptor(std::uint32_t number, PassedDescriptor descriptor);
  void watch_readers();
  InputLane* find_input(std::uint32_t descriptor) noexcept;
  OutputLane* find_output(std::uint32_t descriptor, Frame::Channel channel) noexcept;
  void reopen(std::shared_ptr<AgentClient> client);
  bool next(Frame& frame);
  void fill_open(Frame::Open& open);
  bool next_acknowledgement(Frame& frame, OutputLane& lane);
  bool next_input(Frame& frame);
  bool received(const Frame& frame);
  bool received_acknowledgement(const Frame::Ack& acknowledgement);
  bool received_data(const Frame::Data& data);
  void progress();
  void wake();
  void abandon_inputs();

  IoLoop& loop_;
  const std::string container_id_, exec_id_;
  std::function<void()> drained_;
  std::shared_ptr<StdioStream> stream_;
  // Never fewer than stdin; stdout and stderr. Then those of the descriptors, in order.
  std::vector<std::unique_ptr<InputLane>> inputs_;
  std::vector<std::unique_ptr<OutputLane>> outputs_;
  std::size_t last_sent_ = 0; // of inputs_: they take turns
  std::size_t descriptors_ = 0;
  bool open_sent_ = false;
};

} // namespace nacre::agent_client
