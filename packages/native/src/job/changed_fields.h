// For tests: a Config in which fields have other values than the defaults.

#ifndef DTLTO_JOB_CHANGED_FIELDS_H
#define DTLTO_JOB_CHANGED_FIELDS_H

#include "config_fields.h"
#include <string>
#include <vector>

namespace dtlto {

inline void change(bool &Value) { Value = !Value; }
inline void change(std::string &Value) {
  Value += std::string("a\0\n\"\\=\xff[ ]", 10);
}
inline void change(std::vector<std::string> &Value) {
  Value.insert(Value.end(), {"", "-b c", "\"d\""});
}
inline void change(std::pair<int, int> &Value) {
  Value = {Value.first - 1, Value.second + 2};
}
template <class T> std::enable_if_t<std::is_integral_v<T>> change(T &Value) {
  ++Value;
}
template <class T> std::enable_if_t<std::is_enum_v<T>> change(T &Value) {
  Value = T((size_t(Value) + 1) % std::size(EnumNames<T>::Values));
}
template <class T> void change(std::optional<T> &Value) {
  if (!Value)
    Value.emplace();
  change(*Value);
}

/// Visits all fields, and changes the one of the name \p Only, or all.
struct FieldChanger {
  llvm::StringRef Only;
  std::vector<std::string> Keys;

  template <class T> void operator()(const llvm::Twine &Key, T &Value) {
    Keys.push_back(Key.str());
    if (Only.empty() || Only == Keys.back())
      change(Value);
  }
};

/// Returns the names of the fields.
inline std::vector<std::string> changeFields(llvm::lto::Config &Conf,
                                             llvm::StringRef Only = "") {
  FieldChanger Changer{Only, {}};
  visitFields(Changer, Conf);
  return std::move(Changer.Keys);
}

} // namespace dtlto

#endif
