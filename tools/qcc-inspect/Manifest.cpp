// Lines of "key  value", then a table of tensors. The manifest comes from a file that may be damaged: every access copes with absence.
#include "Manifest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
extern "C" {
#include "lib/Runtime/Cpu.h"
}
using namespace llvm;
namespace {

struct Printer {
  raw_ostream &out;
  const json::Object &manifest;

  raw_ostream &line(StringRef key) { return out << "  " << left_justify(key, 10); }

  StringRef text(const json::Object &o, StringRef key) { return o.getString(key).value_or(""); }
  int64_t number(const json::Object &o, StringRef key) { return o.getInteger(key).value_or(0); }
  /// The objects of an array.
  SmallVector<const json::Object *> objects(const json::Object &o, StringRef key) {
    SmallVector<const json::Object *> list;
    if (const json::Array *array = o.getArray(key))
      for (const json::Value &value : *array)
        if (const json::Object *object = value.getAsObject())
          list.push_back(object);
    return list;
  }
  std::string shape(const json::Object &o) {
    std::string s = "[";
    if (const json::Array *array = o.getArray("shape"))
      for (const json::Value &extent : *array) {
        s += s.size() > 1 ? ", " : "";
        s += extent.getAsString() ? extent.getAsString()->str() : std::to_string(extent.getAsInteger().value_or(0));
      }
    return s + "]";
  }

  void variants() {
    for (const json::Object *variant : objects(manifest, "variants")) {
      char names[256];
      qccrt_feature_names(uint64_t(number(*variant, "features")), names, sizeof names);
      std::string needs = *names ? names : "nothing beyond the architecture";
      if (const json::Object *device = variant->getObject("device")) {
        int64_t capability = number(*device, "capability"), driver = number(*device, "driver");
        auto version = [](int64_t major, int64_t minor) { return std::to_string(major) + "." + std::to_string(minor); };
        needs = "a GPU of compute capability " + version(capability / 10, capability % 10) + (device->getBoolean("exact").value_or(false) ? "" : " or later") +
                " and a driver for CUDA " + version(driver / 1000, driver % 1000 / 10);
      }
      line("variant") << text(*variant, "name") << " (needs " << needs << ")";
      for (const json::Object *entry : objects(*variant, "entries")) {
        int64_t most = number(*entry, "max_rows");
        out << "; " << text(*entry, "name") << " " << number(*entry, "min_rows") << "..";
        if (most < (int64_t(1) << 30))
          out << most;
        out << " rows";
      }
      out << "\n";
    }
  }
  void ports(StringRef key, StringRef title) {
    for (const json::Object *port : objects(manifest, key)) {
      line(title) << text(*port, "name") << " " << text(*port, "dtype") << " " << shape(*port);
      if (StringRef role = text(*port, "role"); !role.empty())
        out << ", " << role;
      out << "\n";
    }
  }
  void state() {
    if (const json::Object *state = manifest.getObject("state"))
      line("state") << number(*state, "layers") << " layers of " << text(*state, "element") << " keys and values, " << number(*state, "bytes_per_token")
                    << " bytes a token\n";
    if (int64_t context = number(manifest, "max_context"))
      line("context") << "up to " << context << " tokens; vocabulary " << number(manifest, "vocabulary") << "\n";
  }
  void options() {
    if (const json::Array *array = manifest.getArray("options")) {
      line("options");
      ListSeparator space(" ");
      for (const json::Value &word : *array)
        out << space << word.getAsString().value_or("");
      out << "\n";
    }
  }
  void tensors() {
    SmallVector<const json::Object *> list = objects(manifest, "tensors");
    double bits = 0, elements = 0;
    out << "  " << list.size() << " tensors\n";
    out << "    bits/w      bytes  format            sha256    name [shape]\n";
    for (const json::Object *tensor : list) {
      double each = tensor->getNumber("bits_per_weight").value_or(0), count = 1;
      if (const json::Array *extents = tensor->getArray("shape"))
        for (const json::Value &extent : *extents)
          count *= double(extent.getAsInteger().value_or(0));
      bits += each * count;
      elements += count;
      out << format("    %6.3f %10lld  ", each, (long long)number(*tensor, "bytes")) << left_justify(text(*tensor, "format"), 16) << "  "
          << left_justify(text(*tensor, "sha256").take_front(8), 8) << "  " << text(*tensor, "name") << " " << shape(*tensor);
      if (StringRef reason = text(*tensor, "reason"); !reason.empty())
        out << " (" << reason << ")";
      out << "\n";
    }
    if (elements > 0)
      out << format("  %.2f million weights, %.3f bits a weight\n", elements / 1e6, bits / elements);
  }
};
} // namespace

void qcc::printManifest(const json::Object &manifest, StringRef path, StringRef weights, raw_ostream &out) {
  Printer p{out, manifest};
  out << path << "\n";
  p.line("model") << p.text(manifest, "model") << ", compiled for " << p.text(manifest, "target") << " by qcc " << p.text(manifest, "qcc") << "\n";
  for (const json::Object *source : p.objects(manifest, "sources"))
    p.line("source") << p.text(*source, "name") << ", " << p.number(*source, "bytes") << " bytes\n";
  p.options();
  p.variants();
  p.ports("inputs", "input");
  p.ports("outputs", "output");
  p.state();
  p.line("weights");
  if (const json::Object *w = manifest.getObject("weights"))
    out << p.number(*w, "bytes") << " bytes, identity " << p.text(*w, "id").take_front(16) << "; ";
  out << weights << "\n";
  p.tensors();
}
