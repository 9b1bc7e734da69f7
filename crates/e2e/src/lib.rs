//! The product on a real control plane: starts etcd, kube-apiserver and the rest, installs the
//! definitions, runs the real program and looks at it from outside.
