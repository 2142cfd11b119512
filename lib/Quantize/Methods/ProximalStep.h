// The proximal step of HQQ. No MLIR here: compiled with full optimization.
#ifndef QCC_LIB_QUANTIZE_METHODS_PROXIMALSTEP_H
#define QCC_LIB_QUANTIZE_METHODS_PROXIMALSTEP_H

namespace qcc {
/// For the l_p norm, p = 0.7, under beta = 10: sign(e) * max(0, |e| - |e|^(p-1) / beta), computed in double and rounded once. `e` is finite. The same
/// bits on every machine: codes must not depend on a C library's pow.
float proximalStep(float e);
} // namespace qcc
#endif
