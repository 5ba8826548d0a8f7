// One process's stdio: host descriptors on one side, the agent's Stdio stream on the other, with credit,
// offsets and resending after a reconnect (agent/proto/agent.proto). A reader that sleeps stops its own
// channel only; what waits here is at most the window a channel.
#pragma once

#include "agent_client/agent_client.hpp"
#include "agent_client/stdio_input.hpp"
#include "agent_client/stdio_output.hpp"
#include "agent_client/stdio_stream.hpp"
#include "base/unique_fd.hpp"

#include <functional>
#include <memory>
#include <string>

namespace nacre::agent_client {

struct StdioEnds {
  UniqueFd in;  // empty: no stdin
  UniqueFd out; // empty: thrown away
  UniqueFd err; // empty: thrown away; with a terminal there is no such channel
  bool terminal = false;
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
  std::uint64_t delivered_bytes() const noexcept { return out_.delivered() + err_.delivered(); }

private:
  StdioPump(IoLoop& loop, std::string container_id, std::string exec_id, StdioEnds ends,
            std::function<void()> drained);
  struct Channel {
    std::uint64_t acknowledged = 0;
    bool gone_told = false; // the agent knows that nobody reads
  };
  void reopen(std::shared_ptr<AgentClient> client);
  bool next(v1::StdioFrame& frame);
  bool next_acknowledgement(v1::StdioFrame& frame, StdioOutput& output, Channel& channel, int number);
  bool received(const v1::StdioFrame& frame);
  bool received_data(const v1::StdioFrame::Data& data);
  void progress();
  void wake();

  IoLoop& loop_;
  const std::string container_id_, exec_id_;
  std::function<void()> drained_;
  std::shared_ptr<StdioStream> stream_;
  StdioInput in_;
  StdioOutput out_, err_;
  Channel out_channel_, err_channel_;
  bool has_stdin_;
  bool open_sent_ = false;
  bool first_acknowledgement_ = true; // the agent's first frame of each stream tells what it has
};

} // namespace nacre::agent_client
