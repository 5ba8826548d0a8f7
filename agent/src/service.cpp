#include "service.hpp"

#include "accept_stream.hpp"
#include "device_nodes.hpp"
#include "disk_growth.hpp"
#include "dns_stream.hpp"
#include "events_stream.hpp"
#include "failpoint.hpp"
#include "file_system.hpp"
#include "resources.hpp"
#include "status.hpp"
#include "stdio_stream.hpp"
#include "tunnel.hpp"
#include "version.hpp"

#include <utility>

namespace nacre::agent {

namespace {

template <typename Body> grpc::Status answer(const char* call, Body&& body) {
  failpoint::pass(call);
  return as_status(std::forward<Body>(body));
}

} // namespace

grpc::ServerBidiReactor<v1::StdioFrame, v1::StdioFrame>* Service::Stdio(grpc::CallbackServerContext*) {
  return StdioStream::begin([this](const std::string& container, const std::string& exec) {
    return sandbox_.containers.stdio(container, exec);
  });
}

grpc::ServerWriteReactor<v1::Event>* Service::Events(grpc::CallbackServerContext*,
                                                     const v1::EventsRequest* request) {
  return EventsStream::begin(sandbox_.events, request->after());
}

grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>* Service::Tunnel(grpc::CallbackServerContext*) {
  return TunnelStream::begin(sandbox_);
}

grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>* Service::Dns(grpc::CallbackServerContext*) {
  return DnsStream::begin(sandbox_.dns);
}

grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>* Service::Accept(grpc::CallbackServerContext*) {
  return AcceptStream::begin(sandbox_.loop, sandbox_.sockets, sandbox_.ports);
}

#define NACRE_AGENT_CALL(name)                                                                               \
  grpc::Status Service::name([[maybe_unused]] grpc::ServerContext* context,                                  \
                             [[maybe_unused]] const v1::name##Request* request,                              \
                             [[maybe_unused]] v1::name##Reply* reply)

NACRE_AGENT_CALL(Check) {
  reply->set_version(agent_version);
  reply->set_boottime_ns(boottime_ns());
  return grpc::Status::OK;
}

NACRE_AGENT_CALL(CreateSandbox) {
  return answer(__func__, [&] { sandbox_.create(*request); });
}

NACRE_AGENT_CALL(DestroySandbox) {
  return answer(__func__, [&] { sandbox_.destroy(); });
}

NACRE_AGENT_CALL(CreateContainer) {
  return answer(__func__, [&] {
    reply->set_guest_pid(static_cast<std::uint32_t>(sandbox_.containers.create(*request)));
  });
}

NACRE_AGENT_CALL(StartContainer) {
  return answer(__func__, [&] { sandbox_.containers.start(request->container_id()); });
}

NACRE_AGENT_CALL(RemoveContainer) {
  return answer(__func__, [&] { sandbox_.containers.remove(request->container_id(), request->force()); });
}

NACRE_AGENT_CALL(UpdateContainer) {
  return answer(__func__, [&] { sandbox_.containers.update(request->container_id(), request->resources()); });
}

NACRE_AGENT_CALL(UpdateFolder) {
  return answer(__func__, [&] { sandbox_.containers.update_folder(*request); });
}

NACRE_AGENT_CALL(PauseContainer) {
  return answer(__func__, [&] { sandbox_.containers.freeze(request->container_id(), true); });
}

NACRE_AGENT_CALL(ResumeContainer) {
  return answer(__func__, [&] { sandbox_.containers.freeze(request->container_id(), false); });
}

NACRE_AGENT_CALL(StatsContainer) {
  return answer(__func__, [&] {
    for (auto& [name, content] : sandbox_.containers.counters(request->container_id())) {
      (*reply->mutable_cgroup())[name] = std::move(content);
    }
    sandbox_.network.list_counters(*reply);
  });
}

NACRE_AGENT_CALL(ExecProcess) {
  return answer(__func__, [&] {
    reply->set_guest_pid(static_cast<std::uint32_t>(sandbox_.containers.exec(*request)));
  });
}

NACRE_AGENT_CALL(SignalProcess) {
  return answer(__func__, [&] { sandbox_.containers.signal(*request); });
}

NACRE_AGENT_CALL(ResizePty) {
  return answer(__func__, [&] { sandbox_.containers.resize(*request); });
}

NACRE_AGENT_CALL(ListProcesses) {
  return answer(__func__, [&] { sandbox_.containers.list_processes(*request, *reply); });
}

NACRE_AGENT_CALL(RemoveProcess) {
  return answer(__func__,
                [&] { sandbox_.containers.remove_process(request->container_id(), request->exec_id()); });
}

NACRE_AGENT_CALL(UpdateNetwork) {
  return answer(__func__, [&] { sandbox_.network.apply(request->network()); });
}

NACRE_AGENT_CALL(ListNetwork) {
  return answer(__func__, [&] { sandbox_.network.list(*reply->mutable_network()); });
}

NACRE_AGENT_CALL(AddStorages) {
  return answer(__func__, [&] { sandbox_.add_storages(*request); });
}

NACRE_AGENT_CALL(FindDevices) {
  return answer(__func__, [&] { find_devices(sandbox_.modules, *request, *reply); });
}

NACRE_AGENT_CALL(StatFileSystem) {
  return answer(__func__, [&] { stat_file_system(request->path(), *reply); });
}

NACRE_AGENT_CALL(GrowDisk) {
  return answer(__func__, [&] { grow_disk(sandbox_.modules, *request); });
}

NACRE_AGENT_CALL(OnlineResources) {
  return answer(__func__, [&] { online_resources(*request, *reply); });
}

NACRE_AGENT_CALL(GetGuestDetails) {
  return answer(__func__, [&] { describe_guest(*reply); });
}

NACRE_AGENT_CALL(GetTimeline) {
  for (auto& phase : sandbox_.timeline.phases()) {
    auto* out = reply->add_phases();
    out->set_name(std::move(phase.name));
    out->set_object(std::move(phase.object));
    out->set_start_ns(phase.start_ns);
    out->set_end_ns(phase.end_ns);
  }
  return grpc::Status::OK;
}

#undef NACRE_AGENT_CALL

} // namespace nacre::agent
