#include "service.hpp"

#include "events_stream.hpp"
#include "resources.hpp"
#include "status.hpp"
#include "stdio_stream.hpp"
#include "tunnel.hpp"
#include "version.hpp"

namespace nacre::agent {

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
  return as_status([&] { sandbox_.create(*request); });
}

NACRE_AGENT_CALL(DestroySandbox) {
  return as_status([&] { sandbox_.destroy(); });
}

NACRE_AGENT_CALL(CreateContainer) {
  return as_status(
      [&] { reply->set_guest_pid(static_cast<std::uint32_t>(sandbox_.containers.create(*request))); });
}

NACRE_AGENT_CALL(StartContainer) {
  return as_status([&] { sandbox_.containers.start(request->container_id()); });
}

NACRE_AGENT_CALL(RemoveContainer) {
  return as_status([&] { sandbox_.containers.remove(request->container_id(), request->force()); });
}

NACRE_AGENT_CALL(UpdateContainer) {
  return as_status([&] { sandbox_.containers.update(request->container_id(), request->resources()); });
}

NACRE_AGENT_CALL(PauseContainer) {
  return as_status([&] { sandbox_.containers.freeze(request->container_id(), true); });
}

NACRE_AGENT_CALL(ResumeContainer) {
  return as_status([&] { sandbox_.containers.freeze(request->container_id(), false); });
}

NACRE_AGENT_CALL(StatsContainer) {
  return as_status([&] {
    for (auto& [name, content] : sandbox_.containers.counters(request->container_id())) {
      (*reply->mutable_cgroup())[name] = std::move(content);
    }
    sandbox_.network.list_counters(*reply);
  });
}

NACRE_AGENT_CALL(ExecProcess) {
  return as_status(
      [&] { reply->set_guest_pid(static_cast<std::uint32_t>(sandbox_.containers.exec(*request))); });
}

NACRE_AGENT_CALL(SignalProcess) {
  return as_status([&] { sandbox_.containers.signal(*request); });
}

NACRE_AGENT_CALL(ResizePty) {
  return as_status([&] { sandbox_.containers.resize(*request); });
}

NACRE_AGENT_CALL(ListProcesses) {
  return as_status([&] { sandbox_.containers.list_processes(request->container_id(), *reply); });
}

NACRE_AGENT_CALL(RemoveProcess) {
  return as_status([&] { sandbox_.containers.remove_process(request->container_id(), request->exec_id()); });
}

NACRE_AGENT_CALL(UpdateNetwork) {
  return as_status([&] { sandbox_.network.apply(request->network()); });
}

NACRE_AGENT_CALL(ListNetwork) {
  return as_status([&] { sandbox_.network.list(*reply->mutable_network()); });
}

NACRE_AGENT_CALL(AddStorages) {
  return as_status([&] { sandbox_.add_storages(*request); });
}

NACRE_AGENT_CALL(OnlineResources) {
  return as_status([&] { online_resources(*request, *reply); });
}

NACRE_AGENT_CALL(GetGuestDetails) {
  return as_status([&] { describe_guest(*reply); });
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
