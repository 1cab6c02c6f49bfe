"""Models as equations: their language, unit check, analysis, and the kernels that are made from them.

    language    text -> syntax trees, with a white list and errors that point at the place
    dimensions  units of expressions; factors that make numbers coherent
    arrays      array-valued parameters and states -> one of each element
    analysis    which states are linear and solved exactly, coefficients, increments, reset
    methods     Runge-Kutta tableaux
    program     what an update consists of
    refinement  one step of the nonlinear states, repeated in sub-steps where it is not precise enough
    lockstep    adaptive sub-steps that many cells take side by side
    functions   what the expressions of kernels call
    kernels     analysis -> source text of an update, in NumPy or for Numba
    propagators the numbers in a kernel, from parameters
    store       analyses and modules on disk

SymPy is imported only when a model is analysed for the first time on a machine.
"""
