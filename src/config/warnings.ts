/** What a recipe's author should know although the run can go on. `message` names file, line and column. */
export interface RecipeWarning {
  readonly code:
    | 'repeated_keys'
    | 'moved_key'
    | 'conflicting_keys'
    | 'key_without_effect'
    | 'unusual_setting'
    | 'processor_setting';
  readonly message: string;
}
