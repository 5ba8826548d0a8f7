#include "agent_client/agent_client.hpp"

#include "agent_client/status_error.hpp"
#include "agent_client/transport.hpp"

#include <csignal>
#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>

namespace nacre::agent_client {
namespace {

constexpr int message_limit = 4 * 1024 * 1024;

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(message_limit);
  arguments.SetMaxSendMessageSize(message_limit);
  // The channel is a local byte stream with one peer: fixed windows, nothing is probed, nothing is retried
  // (there is no second connection under the same channel), nothing is recorded for channelz.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 512 * 1024);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  return arguments;
}

void set_deadline(grpc::ClientContext& context, std::chrono::milliseconds deadline) {
  context.set_deadline(std::chrono::system_clock::now() + deadline);
}

using Stub = v1::Agent::Stub;

template <typename Request, typename Reply>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Reply*);

template <typename Request, typename Reply>
Reply call(AgentClient::Transport& transport, Method<Request, Reply> method, const Request& request,
           AgentClient::Milliseconds deadline, std::string_view operation, std::string_view object = {}) {
  grpc::ClientContext context;
  set_deadline(context, deadline);
  Reply reply;
  const grpc::Status status = (transport.stub.get()->*method)(&context, request, &reply);
  if (!status.ok()) throw to_error(status, operation, object);
  return reply;
}

template <typename Request> Request named(const std::string& container_id) {
  Request request;
  request.set_container_id(container_id);
  return request;
}

// One unary call whose end nobody waits for. Deletes itself.
template <typename Reply> class AsyncCall : public Completion {
public:
  AsyncCall(std::shared_ptr<AgentClient> client, AgentClient::Done done, std::string operation,
            std::string object)
      : client_(std::move(client)), done_(std::move(done)), operation_(std::move(operation)),
        object_(std::move(object)) {}

  template <typename Request>
  void start(std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> (Stub::*method)(grpc::ClientContext*,
                                                                                     const Request&,
                                                                                     grpc::CompletionQueue*),
             const Request& request, AgentClient::Milliseconds deadline) {
    auto& transport = client_->transport();
    transport.begin_use();
    set_deadline(context_, deadline);
    reader_ = (transport.stub.get()->*method)(&context_, request, &transport.queue);
    reader_->StartCall();
    reader_->Finish(&reply_, &status_, static_cast<Completion*>(this));
  }

  void completed(bool) override {
    const std::unique_ptr<AsyncCall> self(this);
    client_->transport().end_use();
    if (!done_) return;
    if (status_.ok()) return done_(std::nullopt);
    done_(to_error(status_, operation_, object_));
  }

private:
  std::shared_ptr<AgentClient> client_;
  AgentClient::Done done_;
  std::string operation_, object_;
  grpc::ClientContext context_;
  grpc::Status status_;
  Reply reply_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> reader_;
};

} // namespace

AgentClient::Transport::Transport(IoLoop& io_loop, UniqueFd fd, HelloResult result)
    : loop(io_loop), hello(std::move(result)), control(fd.duplicate()) {
  const auto channel =
      grpc::CreateCustomInsecureChannelFromFd("nacre-agent", fd.release(), channel_arguments());
  stub = v1::Agent::NewStub(channel);
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before); // signals belong to the main thread
  thread = std::thread([this] {
    void* tag;
    bool ok;
    while (queue.Next(&tag, &ok))
      loop.post([completion = static_cast<Completion*>(tag), ok] { completion->completed(ok); });
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AgentClient::Transport::~Transport() {
  ::shutdown(control.get(), SHUT_RDWR);
  queue.Shutdown();
  thread.join();
}

void AgentClient::Transport::begin_use() {
  const std::lock_guard lock(mutex);
  ++users;
}

void AgentClient::Transport::end_use() {
  const std::lock_guard lock(mutex);
  if (--users == 0) idle.notify_all();
}

AgentClient::AgentClient(IoLoop& loop, UniqueFd fd, HelloResult hello)
    : transport_(std::make_unique<Transport>(loop, std::move(fd), std::move(hello))) {}

AgentClient::~AgentClient() = default;

std::shared_ptr<AgentClient> AgentClient::connect(IoLoop& loop, UniqueFd fd, HelloResult hello) {
  return std::shared_ptr<AgentClient>(new AgentClient(loop, std::move(fd), std::move(hello)));
}

const HelloResult& AgentClient::hello() const noexcept {
  return transport_->hello;
}
IoLoop& AgentClient::loop() noexcept {
  return transport_->loop;
}

void AgentClient::disconnect() noexcept {
  ::shutdown(transport_->control.get(), SHUT_RDWR);
}

void AgentClient::wait_idle() {
  std::unique_lock lock(transport_->mutex);
  transport_->idle.wait(lock, [&] { return transport_->users == 0; });
}

v1::CheckReply AgentClient::check(Milliseconds deadline) {
  return call(*transport_, &Stub::Check, v1::CheckRequest(), deadline, "ask the agent for life");
}

void AgentClient::create_sandbox(const v1::CreateSandboxRequest& request, Milliseconds deadline) {
  call(*transport_, &Stub::CreateSandbox, request, deadline, "set up the guest of sandbox",
       request.sandbox_id());
}

void AgentClient::destroy_sandbox(Milliseconds deadline) {
  call(*transport_, &Stub::DestroySandbox, v1::DestroySandboxRequest(), deadline, "end the guest's sandbox");
}

v1::CreateContainerReply AgentClient::create_container(const v1::CreateContainerRequest& request,
                                                       Milliseconds deadline) {
  return call(*transport_, &Stub::CreateContainer, request, deadline, "create container",
              request.container_id());
}

void AgentClient::start_container(const std::string& container_id, Milliseconds deadline) {
  call(*transport_, &Stub::StartContainer, named<v1::StartContainerRequest>(container_id), deadline,
       "start container", container_id);
}

void AgentClient::remove_container(const std::string& container_id, bool force, Milliseconds deadline) {
  auto request = named<v1::RemoveContainerRequest>(container_id);
  request.set_force(force);
  call(*transport_, &Stub::RemoveContainer, request, deadline, "remove container", container_id);
}

void AgentClient::update_container(const std::string& container_id, const std::string& resources,
                                   Milliseconds deadline) {
  auto request = named<v1::UpdateContainerRequest>(container_id);
  request.set_resources(resources);
  call(*transport_, &Stub::UpdateContainer, request, deadline, "update container", container_id);
}

void AgentClient::pause_container(const std::string& container_id, Milliseconds deadline) {
  call(*transport_, &Stub::PauseContainer, named<v1::PauseContainerRequest>(container_id), deadline,
       "pause container", container_id);
}

void AgentClient::resume_container(const std::string& container_id, Milliseconds deadline) {
  call(*transport_, &Stub::ResumeContainer, named<v1::ResumeContainerRequest>(container_id), deadline,
       "resume container", container_id);
}

v1::StatsContainerReply AgentClient::stats_container(const std::string& container_id, Milliseconds deadline) {
  return call(*transport_, &Stub::StatsContainer, named<v1::StatsContainerRequest>(container_id), deadline,
              "get statistics of container", container_id);
}

v1::ExecProcessReply AgentClient::exec_process(const v1::ExecProcessRequest& request, Milliseconds deadline) {
  return call(*transport_, &Stub::ExecProcess, request, deadline, "start a process in container",
              request.container_id());
}

void AgentClient::signal_process(const v1::SignalProcessRequest& request, Milliseconds deadline) {
  call(*transport_, &Stub::SignalProcess, request, deadline, "signal container", request.container_id());
}

void AgentClient::resize_pty(const v1::ResizePtyRequest& request, Milliseconds deadline) {
  call(*transport_, &Stub::ResizePty, request, deadline, "resize the terminal of container",
       request.container_id());
}

v1::ListProcessesReply AgentClient::list_processes(const std::string& container_id, Milliseconds deadline) {
  return call(*transport_, &Stub::ListProcesses, named<v1::ListProcessesRequest>(container_id), deadline,
              "list the processes of container", container_id);
}

void AgentClient::remove_process(const std::string& container_id, const std::string& exec_id,
                                 Milliseconds deadline) {
  auto request = named<v1::RemoveProcessRequest>(container_id);
  request.set_exec_id(exec_id);
  call(*transport_, &Stub::RemoveProcess, request, deadline, "remove process", exec_id);
}

void AgentClient::update_network(const v1::Network& network, Milliseconds deadline) {
  v1::UpdateNetworkRequest request;
  *request.mutable_network() = network;
  call(*transport_, &Stub::UpdateNetwork, request, deadline, "configure the guest's network");
}

v1::Network AgentClient::list_network(Milliseconds deadline) {
  return call(*transport_, &Stub::ListNetwork, v1::ListNetworkRequest(), deadline, "list the guest's network")
      .network();
}

void AgentClient::add_storages(const v1::AddStoragesRequest& request, Milliseconds deadline) {
  call(*transport_, &Stub::AddStorages, request, deadline, "mount storages in the guest");
}

v1::OnlineResourcesReply AgentClient::online_resources(std::uint32_t vcpus, bool memory,
                                                       Milliseconds deadline) {
  v1::OnlineResourcesRequest request;
  request.set_vcpus(vcpus);
  request.set_memory(memory);
  return call(*transport_, &Stub::OnlineResources, request, deadline,
              "bring CPUs and memory online in the guest");
}

v1::GetGuestDetailsReply AgentClient::guest_details(Milliseconds deadline) {
  return call(*transport_, &Stub::GetGuestDetails, v1::GetGuestDetailsRequest(), deadline,
              "ask about the guest");
}

v1::GetTimelineReply AgentClient::timeline(Milliseconds deadline) {
  return call(*transport_, &Stub::GetTimeline, v1::GetTimelineRequest(), deadline,
              "get the guest's timeline");
}

void AgentClient::signal_process_async(const v1::SignalProcessRequest& request, Milliseconds deadline,
                                       Done done) {
  auto* pending = new AsyncCall<v1::SignalProcessReply>(shared_from_this(), std::move(done),
                                                        "signal container", request.container_id());
  pending->start(&Stub::PrepareAsyncSignalProcess, request, deadline);
}

void AgentClient::resize_pty_async(const v1::ResizePtyRequest& request, Milliseconds deadline, Done done) {
  auto* pending = new AsyncCall<v1::ResizePtyReply>(
      shared_from_this(), std::move(done), "resize the terminal of container", request.container_id());
  pending->start(&Stub::PrepareAsyncResizePty, request, deadline);
}

} // namespace nacre::agent_client
