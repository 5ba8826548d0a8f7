// agent.proto's service: translates calls to the sandbox's verbs, and errors to statuses. Unary calls run on
// threads of their own, since they may wait for crun; streams are reactors.
#pragma once

#include "sandbox.hpp"

#include "agent.grpc.pb.h"

namespace nacre::agent {

using ServiceBase = v1::Agent::WithCallbackMethod_Stdio<
    v1::Agent::WithCallbackMethod_Events<v1::Agent::WithCallbackMethod_Tunnel<
        v1::Agent::WithCallbackMethod_Dns<v1::Agent::WithCallbackMethod_Accept<v1::Agent::Service>>>>>;

class Service final : public ServiceBase {
public:
  explicit Service(Sandbox& sandbox) : sandbox_(sandbox) {}

  grpc::ServerBidiReactor<v1::StdioFrame, v1::StdioFrame>* Stdio(grpc::CallbackServerContext*) override;
  grpc::ServerWriteReactor<v1::Event>* Events(grpc::CallbackServerContext*,
                                              const v1::EventsRequest*) override;
  grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>* Tunnel(grpc::CallbackServerContext*) override;
  grpc::ServerBidiReactor<v1::DnsFrame, v1::DnsFrame>* Dns(grpc::CallbackServerContext*) override;
  grpc::ServerBidiReactor<v1::TunnelFrame, v1::TunnelFrame>* Accept(grpc::CallbackServerContext*) override;

#define NACRE_AGENT_CALL(name)                                                                               \
  grpc::Status name(grpc::ServerContext*, const v1::name##Request* request, v1::name##Reply* reply) override;
  NACRE_AGENT_CALL(Check)
  NACRE_AGENT_CALL(CreateSandbox)
  NACRE_AGENT_CALL(DestroySandbox)
  NACRE_AGENT_CALL(CreateContainer)
  NACRE_AGENT_CALL(StartContainer)
  NACRE_AGENT_CALL(RemoveContainer)
  NACRE_AGENT_CALL(UpdateContainer)
  NACRE_AGENT_CALL(PauseContainer)
  NACRE_AGENT_CALL(ResumeContainer)
  NACRE_AGENT_CALL(StatsContainer)
  NACRE_AGENT_CALL(ExecProcess)
  NACRE_AGENT_CALL(SignalProcess)
  NACRE_AGENT_CALL(ResizePty)
  NACRE_AGENT_CALL(ListProcesses)
  NACRE_AGENT_CALL(RemoveProcess)
  NACRE_AGENT_CALL(UpdateFolder)
  NACRE_AGENT_CALL(UpdateNetwork)
  NACRE_AGENT_CALL(ListNetwork)
  NACRE_AGENT_CALL(AddStorages)
  NACRE_AGENT_CALL(FindDevices)
  NACRE_AGENT_CALL(StatFileSystem)
  NACRE_AGENT_CALL(GrowDisk)
  NACRE_AGENT_CALL(OnlineResources)
  NACRE_AGENT_CALL(GetGuestDetails)
  NACRE_AGENT_CALL(GetTimeline)
#undef NACRE_AGENT_CALL
  // Freeze and Thaw stay the generated UNIMPLEMENTED.

private:
  Sandbox& sandbox_;
};

} // namespace nacre::agent
