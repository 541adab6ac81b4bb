// Generated from server declarations by `python -m server.generate`. Never edit.

export interface Problem { readonly status: number; readonly zh: string; readonly en: string; readonly retry: string | boolean | null }

export const ERRORS: Readonly<Record<string, Problem>> = {
};
