/** Before a run: what will be trained on what, and the button. */
import { Button, ButtonLink } from '../../design/button.tsx';
import { Card, ViewHead } from '../../design/card.tsx';
import { linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';

export function Start() {
  const { live, setup } = useApp();
  const reading = setup.reading.value;
  const recipe = reading?.recipe;
  return (
    <>
      <ViewHead
        title="Fine-tune a vision model, here in this tab"
        lead="Pictures and model stay on this device. Press Train: it starts with generated sample pictures, and you can change everything later."
      />
      <div class="stack">
        <div class="grid">
          <Card
            title="Data"
            actions={
              <ButtonLink size="small" href={linkTo('data')}>
                Change
              </ButtonLink>
            }
          >
            <p class="soft">{recipe?.data.train_data_path ?? ' '}</p>
          </Card>
          <Card
            title="Model"
            actions={
              <ButtonLink size="small" href={linkTo('model')}>
                Change
              </ButtonLink>
            }
          >
            <p class="soft">{recipe?.model.model_name ?? ' '}</p>
          </Card>
          <Card
            title="Recipe"
            actions={
              <ButtonLink size="small" href={linkTo('recipe')}>
                Change
              </ButtonLink>
            }
          >
            <p class="soft">{recipe ? `${recipe.training.max_epochs} epochs` : ' '}</p>
          </Card>
        </div>
        <div class="row">
          <Button kind="primary" size="large" icon="play" onClick={() => void live.start()}>
            Train
          </Button>
        </div>
      </div>
    </>
  );
}
