// What a method for one kind of format only says of the options that choose formats.
#ifndef QCC_QUANTIZE_REQUIREDFORMATS_H
#define QCC_QUANTIZE_REQUIREDFORMATS_H
#include <cstdint>

namespace qcc {
/// Formats without which a method has no meaning: `--algo` sets them for the whole model, and other values of their options are refused.
struct RequiredFormats {
  unsigned weightBits, activationBits;    // --wbits, --abits
  int64_t groupSize, activationGroup;     // --group-size, --act-group-size; -1: one scale a row
  bool symmetric;                         // no --asym
  bool dynamicActivations;                // scales of activations are found at run time: no --act-scales=static, no --act-type
};
} // namespace qcc
#endif
