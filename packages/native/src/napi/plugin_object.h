// A distributor in C, as JavaScript sees it: see NativePluginTable and NativePlugin
// in ../contract.ts.
#ifndef DTLTO_NAPI_PLUGIN_OBJECT_H
#define DTLTO_NAPI_PLUGIN_OBJECT_H

#include "plugin/plugin_host.h"
#include <map>
#include <memory>
#include <napi.h>

namespace dtlto {

struct PluginJobs;

/// The table of a library, and how to open it. Throws if it is none.
Napi::Value loadPlugin(const Napi::CallbackInfo &Info);

/// An opened distributor. It lives until it is destroyed and every call of it is
/// finished, since the plugin may read what its jobs point to until then.
class PluginObject final : public Napi::ObjectWrap<PluginObject> {
public:
  static Napi::Function define(Napi::Env Env);
  /// From loadPlugin only: (table, context, onEvents).
  explicit PluginObject(const Napi::CallbackInfo &Info);
  ~PluginObject() override;

private:
  static void callJs(Napi::Env Env, Napi::Function OnEvents, PluginObject *Self,
                     void *);
  using WakeFunction =
      Napi::TypedThreadSafeFunction<PluginObject, void, &PluginObject::callJs>;
  static void environmentEnds(void *Self);

  Napi::Value takeEvents(const Napi::CallbackInfo &Info);
  Napi::Value prepare(const Napi::CallbackInfo &Info);
  Napi::Value probe(const Napi::CallbackInfo &Info);
  Napi::Value compile(const Napi::CallbackInfo &Info);
  Napi::Value cancel(const Napi::CallbackInfo &Info);
  Napi::Value close(const Napi::CallbackInfo &Info);
  Napi::Value destroy(const Napi::CallbackInfo &Info);

  /// A number for a call that is about to begin, kept alive by what it reads.
  dtlto_call begin(std::unique_ptr<PluginJobs> Jobs);
  void endCall(dtlto_call Call);
  void end();

  const dtlto_plugin *Table;
  void *Self = nullptr; ///< the plugin's; null once it is destroyed
  dtlto_link Number = 0;
  bool IsOver = false;
  WakeFunction Wake;
  std::map<dtlto_call, std::unique_ptr<PluginJobs>> Calls;
};

} // namespace dtlto

#endif
