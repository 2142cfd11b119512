#ifndef QCC_QUANT_TYPES
#define QCC_QUANT_TYPES
include "dialects/Quant/QuantBase.td"

def Qnt_BlockType : TypeDef<Qnt_Dialect, "Block"> {
  let mnemonic = "block";
  let summary = "Element of a tensor whose values are stored as codes with a scale per block";
  let description = [{
    `value = scale * (code - zero)`, with one scale (and zero point) per `group` consecutive elements of the last dimension
    (`group = -1`: one for the whole row; the last group of a row may be short).
    - `zero = none`: symmetric; codes are stored unsigned with the implicit zero point `2^(bits-1)`.
    - `zero = int`: a stored zero point of `bits` bits. `zero = float`: a stored zero point of the scale's type.
    - `zero = min`: `value = scale * code + minimum`, a stored minimum of the scale's type for each stored scale.
    - `zero = shift`: two-level with codes of 2 to 4 bits; a stored number of `subBits` bits for each group moves the codes' zero by as many 2^-(subBits+2) of
      their range: `value = scale * (sub * (code - 2^(bits-1)) + floor(sub * (shift - 2^(subBits-1)) * 2^(bits-subBits-2)))`. Encoders choose `sub` and
      `shift` such that the integer is in -128..127 for every code.
    - `super > 0`: two-level; scales are unsigned integers of `subBits` bits per `group`, times one stored scale per `super` elements. So are
      minima. With `signedSub` scales are signed: stored plus `2^(subBits-1)`.
    - `element = table`: the code selects from the named table of `dialects/Quant/Formats/CodeTables.h`; zero must be none.
    - `scale = e8m0`: a power of two from 2^-127 to 2^127, stored as its biased exponent in a byte (OCP MX v1.0, section 5.4.1).
    - `scale = e4m3`: a code of that table in a byte, times one f32 of the weight (NVFP4).
    - `scale = dynamic8`: a code of that table in a byte, times one f32 of the weight, plus another (double quantization of QLoRA).

    - `rule`: the name of who rounds values to codes, where that differs between formats of one layout. Kernels do not ask.

    Tensors keep their logical shape: `tensor<4096x11008x!qnt.block<element = int, bits = 4, group = 32>>`.
    Activations use the same type (`bits = 8`, `scale = f32`, integers or 8-bit floats), produced at run time by `qnt.quantize`.
  }];
  let parameters = (ins
    DefaultValuedParameter<"Element", "Element::Int">:$element, "unsigned":$bits, "int64_t":$group,
    DefaultValuedParameter<"ScaleKind", "ScaleKind::F16">:$scale, DefaultValuedParameter<"ZeroKind", "ZeroKind::None">:$zero,
    DefaultValuedParameter<"int64_t", "0">:$super, DefaultValuedParameter<"unsigned", "0">:$subBits,
    OptionalParameter<"::mlir::StringAttr">:$table, DefaultValuedParameter<"bool", "false">:$signedSub, OptionalParameter<"::mlir::StringAttr">:$rule);
  let builders = [TypeBuilder<(ins "Element":$element, "unsigned":$bits, "int64_t":$group, "ScaleKind":$scale, "ZeroKind":$zero, "int64_t":$super,
      "unsigned":$subBits, "::mlir::StringAttr":$table), [{
    return $_get($_ctxt, element, bits, group, scale, zero, super, subBits, table, false, ::mlir::StringAttr());
  }]>];
  let extraClassDeclaration = [{
    /// Of `group` and `super`: products with sizes of tensors stay far from overflow, and nobody has use for more but -1.
    static constexpr int64_t maxGroup = int64_t(1) << 20;
  }];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Qnt_CacheType : TypeDef<Qnt_Dialect, "Cache"> {
  let mnemonic = "cache";
  let summary = "KV state of one attention layer: a handle to in-place storage, not a value";
  let description = [{
    Holds keys and values of up to the program's context length, `kvHeads` heads of `headDim` elements of type `element`, per batch row.
    `qnt.kv_update` writes through the handle, `qnt.attention` reads through it; how it is laid out is decided at the kernel stage.

    With element `i8` or `i4` it holds signed codes `c` of that many bits, `value = scale * c`, with one f32 scale for every token and head of keys,
    and of values. Where `m` is the element of largest magnitude among the head's channels, `scale = -m / 2^(bits-1)`: the code of `m` is the lowest
    one, so that no code is left out, and a scale may be negative. `c = clamp(round(x * (1 / scale)))`, to nearest even; a head whose elements are all
    below 2^-120 is zeros.
  }];
  let parameters = (ins "int64_t":$kvHeads, "int64_t":$headDim, "::mlir::Type":$element);
  let hasCustomAssemblyFormat = 1;                     // `4x32xf16` is one token to the lexer: needs the dimension-list parser
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isQuantized() const { return ::llvm::isa<::mlir::IntegerType>(getElement()); }
    unsigned getBits() const { return getElement().getIntOrFloatBitWidth(); }
    /// Elements of memory that a token's key takes in a head: two codes of 4 bits share a byte.
    int64_t getSlots() const { return getBits() == 4 ? getHeadDim() / 2 : getHeadDim(); }
    /// What memory consists of: the element, or bytes of codes.
    ::mlir::Type getSlotType() const;
    /// Key and value of one token, with their scales.
    int64_t bytesPerToken() const { return 2 * getKvHeads() * (getHeadDim() * getBits() / 8 + (isQuantized() ? 4 : 0)); }
  }];
}
#endif
